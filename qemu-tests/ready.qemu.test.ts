import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { BootTestResult } from "../tools/boot-test/boot-test.ts";
import { runBootTest } from "../tools/boot-test/run-boot-test.ts";
import type { GuestShell } from "../tools/cluster/guest-shell.ts";
import { listQemu } from "./harness/list-qemu.ts";
import { openTestContext, type TestContext } from "./harness/open-test-context.ts";
import { keepResults } from "./results/keep-results.ts";
import { buildTestbed, type TestbedImage } from "./testbed/build-testbed.ts";

/** What was read from the guest while it still ran, before any test looks at it. */
interface Seen {
  readonly modes: string;
  readonly processes: string;
  readonly journal: string;
  readonly commandLine: string;
  readonly token: string;
}

let bench: TestContext;
let image: TestbedImage;
let imageBefore: number;
let result: BootTestResult;
let seen: Seen;
/** The one boot that all tests look at, or how it failed, which fails each of them. */
let booted: Promise<void> | undefined;

async function look(shell: GuestShell): Promise<Seen> {
  const read = async (command: string): Promise<string> => (await shell.run(command, { timeoutMs: 120_000 })).stdout;
  return {
    modes: await read("stat -c '%a %U %n' /etc/rancher/k3s/k3s.yaml /var/lib/rancher/k3s/server/node-token"),
    processes: await read("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"),
    journal: await read("journalctl -b --no-pager -o cat"),
    commandLine: await read("cat /proc/cmdline"),
    token: (await read("cat /var/lib/rancher/k3s/server/node-token")).trim(),
  };
}

async function boot(): Promise<void> {
  image = await buildTestbed(bench.ctx, { arch: "x86_64" });
  imageBefore = (await stat(join(image.deployDir, "meta-k3s-testbed-qemux86-64.ext4"))).mtimeMs;
  result = await runBootTest(bench.ctx, {
    path: image.qemubootPath,
    launcher: "qemu",
    machine: {},
    command: "npm test",
    timeoutMs: 900_000,
    stabilityMs: 10_000,
    whileRunning: async ({ shell }) => {
      seen = await look(shell);
    },
  });
}

beforeAll(async () => {
  bench = await openTestContext();
});
keepResults();
// Before the first test that is due, and not before all: where each has passed before, nothing is booted.
beforeEach(async () => {
  booted ??= boot();
  await booted;
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

test("the testbed's node and every kube-system pod turn Ready", () => {
  const { verdict } = result.record;
  expect(verdict).toMatchObject({ outcome: "ready", exitCode: 0, problems: [] });
  expect(verdict.stableForMs).toBeGreaterThanOrEqual(10_000);
});

test("what is not disabled was expected and judged, each by its own check", () => {
  const names = result.record.checks.map((check) => check.name);
  expect(names).toEqual(
    expect.arrayContaining([
      expect.stringContaining("coredns"),
      expect.stringContaining("local-path-provisioner"),
      expect.stringContaining("metrics-server"),
    ]),
  );
  expect(result.record.checks.every((check) => check.outcome === "passed")).toBe(true);
});

test("the timeline goes from power-on through kernel, SSH, API and node to Ready", () => {
  const kinds = result.record.events.map((event) => event.kind);
  const order = ["power-on", "kernel", "ssh", "api", "node-ready", "ready"].map((kind) =>
    kinds.indexOf(kind as (typeof kinds)[number]),
  );
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((left, right) => left - right));
});

test("the reports are there and say the same", async () => {
  expect(JSON.parse(await readFile(join(result.runFolder, "run.json"), "utf8"))).toMatchObject({ verdict: { outcome: "ready" } });
  expect(await readFile(join(result.runFolder, "junit.xml"), "utf8")).not.toMatch(/<(failure|error)/);
  expect(await readFile(join(result.runFolder, "index.html"), "utf8")).toContain("<svg");
  expect(existsSync(join(result.runFolder, "console.log"))).toBe(true);
});

test("kubeconfig and token are root's alone", () => {
  expect(seen.modes.trim().split("\n")).toEqual([
    "600 root /etc/rancher/k3s/k3s.yaml",
    "600 root /var/lib/rancher/k3s/server/node-token",
  ]);
});

test("the token is in no process's arguments or environment, not in the journal and not on the kernel's command line", () => {
  const secret = seen.token.split(":").at(-1) ?? "";
  expect(secret.length).toBeGreaterThan(15);
  for (const text of [seen.processes, seen.journal, seen.commandLine]) {
    expect(text.length).toBeGreaterThan(10);
    expect(text).not.toContain(secret);
  }
});

test("nothing is left behind, and the image is unchanged", async () => {
  expect(await listQemu(bench.folder)).toEqual([]);
  const after = (await stat(join(image.deployDir, "meta-k3s-testbed-qemux86-64.ext4"))).mtimeMs;
  expect(after).toBe(imageBefore);
});
