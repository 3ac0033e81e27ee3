import { describe, expect, test } from "vitest";
import { exampleRecords } from "./testing/example-records.ts";
import { abortedRecord, environmentRecord, panicRecord, readyRecord, timeoutRecord } from "./testing/example-runs.ts";
import { renderJunit } from "./render-junit.ts";
import type { RunRecord } from "./run-record.ts";

/** name -> what became of it, read back from the XML. */
function readCases(xml: string): Record<string, string> {
  const cases = xml.matchAll(/<testcase name="([^"]*)"[^>]*?(?:\/>|>\s*<(failure|error|skipped)\b)/gu);
  return Object.fromEntries([...cases].map(([, name, outcome]) => [name ?? "", outcome ?? "passed"]));
}

const broken = (xml: string): number => (xml.match(/<(?:failure|error)\b/gu) ?? []).length;

describe("renderJunit", () => {
  test("a Ready run passes in every case, with the time each took", () => {
    const xml = renderJunit(readyRecord);
    expect(new Set(Object.values(readCases(xml)))).toEqual(new Set(["passed"]));
    expect(Object.keys(readCases(xml))).toHaveLength(readyRecord.checks.length + 3);
    expect(xml).toContain(`<testcase name="node guest" classname="meta-k3s qemux86-64" time="58.200"/>`);
    expect(xml).toContain(`tests="8" failures="0" errors="0" skipped="0"`);
  });

  test("a product that falls short is a failure, with the reason and the next step", () => {
    const xml = renderJunit(timeoutRecord);
    expect(readCases(xml)).toMatchObject({
      "run comes to a verdict": "passed",
      "guest stays alive": "passed",
      "cluster becomes Ready": "failure",
      "node guest": "passed",
      "deployment kube-system/coredns": "failure",
    });
    expect(xml).toMatch(/<failure message="CrashLoopBackOff: [^"]*" type="CrashLoopBackOff">/u);
    expect(xml).toContain("next step: give the guest a resolver");
    expect(xml).not.toMatch(/<error\b/u);
  });

  test("a guest that dies is a failure; what was not judged for it is skipped", () => {
    expect(readCases(renderJunit(panicRecord))).toEqual({
      "run comes to a verdict": "passed",
      "guest stays alive": "failure",
      "cluster becomes Ready": "skipped",
      "node guest": "skipped",
      "deployment kube-system/coredns": "skipped",
    });
  });

  test("a host that cannot run it is an error, not a failure", () => {
    const xml = renderJunit(environmentRecord);
    expect(readCases(xml)).toMatchObject({
      "run comes to a verdict": "error",
      "guest stays alive": "skipped",
      "node guest": "skipped",
    });
    expect(xml).not.toMatch(/<failure\b/u);
  });

  test("a run that was stopped is an error", () => {
    expect(readCases(renderJunit(abortedRecord))["run comes to a verdict"]).toBe("error");
  });

  test("a check that nobody judged never passes, not even in a run that was called Ready", () => {
    const checks: RunRecord["checks"] = [{ name: "node guest", outcome: "not-judged", atMs: null, reason: "", message: "" }];
    expect(readCases(renderJunit({ ...readyRecord, checks }))["node guest"]).toBe("error");
  });

  test.each(Object.entries(exampleRecords).filter(([, record]) => record.verdict.outcome !== "ready"))(
    "%s, which is not Ready, leaves the suite red",
    (_, record) => {
      expect(broken(renderJunit(record))).toBeGreaterThan(0);
    },
  );

  test("not Ready with every check passed is red all the same", () => {
    const verdict = { ...timeoutRecord.verdict, problems: [] };
    expect(broken(renderJunit({ ...readyRecord, verdict }))).toBe(1);
  });
});
