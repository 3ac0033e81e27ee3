import { describe, expect, test } from "vitest";
import { exampleRecords } from "./testing/example-records.ts";
import { panicRecord, readyRecord, timeoutRecord } from "./testing/example-runs.ts";
import { formatFailure } from "./format-failure.ts";
import { renderText } from "./render-text.ts";

const options = { reportPath: "build/latest/index.html" };

describe("renderText", () => {
  test("a Ready run, whole", () => {
    expect(renderText(readyRecord, options)).toMatchInlineSnapshot(`
      "Ready after 94.7 s: qemux86-64
      1 node and 4 expected workloads Ready, stable for 10 s without a restart.

      TCG, 2 vCPUs, 2 048 MiB; memory at peak 1 294 MiB; stand-in for k3s

      Time from power-on
        Kernel                                                1.9 s
        Userspace                                             6.2 s
        SSH                                                  13.9 s
        k3s active                                           17.2 s
        API up                                               38.4 s
        Node Ready (node guest)                              58.2 s
        Ready                                                94.7 s

      Longest waits
        deployment kube-system/metrics-server                36.5 s  ContainersNotRea…
        deployment kube-system/coredns                       27.3 s  Unschedulable
        job kube-system/helm-install-traefik                 24.9 s  Running
        deployment kube-system/local-path-provisioner        21.7 s  ContainerCreating
        api                                                  21.2 s  ConnectionRefused

      Cluster
        Ready      node guest v1.36.3+k3s1
        Ready      pod kube-system/coredns-6f8d9c7b5d-x2v4k
        Ready      pod kube-system/local-path-provisioner-7d9f5c8b4-q8wzn
        Ready      pod kube-system/metrics-server-5b9c8d7f6-jk2lm
        Completed  pod kube-system/helm-install-traefik-t5xqp

      Report: build/latest/index.html
      "
    `);
  });

  test("a failed run says what went wrong and what to do first", () => {
    const lines = renderText(timeoutRecord, options).split("\n");
    expect(lines[0]).toBe("Not Ready after 5 min: qemux86-64");
    expect(lines.findIndex((line) => line.includes("next step: give the guest a resolver"))).toBeLessThan(8);
    expect(lines).toContain("  Not Ready  pod kube-system/coredns-6f8d9c7b5d-x2v4k: CrashLoopBackOff, 5 rest…");
  });

  test("a scenario's own end is not told as another cluster's", () => {
    expect(renderText({ ...readyRecord, kind: "scenario" }, options)).toMatch(/^ {2}Passed +94\.7 s$/mu);
    const machines = readyRecord.machines.map((machine) => ({ ...machine, name: "device" }));
    const events = readyRecord.events.map((event) => (event.kind === "ready" ? { ...event, subject: "device" } : event));
    expect(renderText({ ...readyRecord, kind: "scenario", machines, events }, options)).toMatch(/^ {2}Ready +94\.7 s$/mu);
  });

  test.each(Object.entries(exampleRecords))("%s fits 80 columns and has no control characters", (_, record) => {
    const text = renderText(
      { ...record, name: record.name.slice(0, 40), verdict: { ...record.verdict, summary: record.verdict.summary.slice(0, 78) } },
      options,
    );
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(text).not.toMatch(/(?!\n)\p{Cc}/u);
    expect(text.split("\n").length).toBeLessThan(70);
    expect(text.endsWith("Report: build/latest/index.html\n")).toBe(true);
  });
});

describe("formatFailure", () => {
  test("is empty for a Ready run", () => {
    expect(formatFailure(readyRecord)).toBe("");
  });

  test("gives subject, code, message and hint", () => {
    expect(formatFailure(panicRecord)).toMatchInlineSnapshot(`
      "The guest's kernel panicked 5 s after power-on: it cannot mount its root
      filesystem.
        machine qemux86-64 (PANIC): Kernel panic - not syncing: VFS: Unable to mount
        root fs on unknown-block(0,0)
          next step: check that the image is whole and that root= in the kernel
          command line names its disk (/dev/vda)
      "
    `);
  });

  test("stays short however much went wrong", () => {
    const problems = Array.from({ length: 50 }, (_, index) => ({
      code: "X",
      subject: `pod a/${index}`,
      message: "m ".repeat(5000),
      hint: "h ".repeat(5000),
    }));
    const lines = formatFailure({ ...panicRecord, verdict: { ...panicRecord.verdict, problems } }).split("\n");
    expect(lines.length).toBeLessThan(60);
    expect(lines.at(-2)).toBe("  … and 46 more problems in the report");
  });
});
