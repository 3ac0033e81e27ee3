import { expect, test } from "vitest";
import type { ClusterOutcome } from "../cluster/wait-cluster.ts";
import { AbortedError, CommandError, GuestError, WaitTimeoutError } from "../core/errors.ts";
import type { MachinePlan } from "../machine/machine.ts";
import { runRecordSchema } from "../report/run-record.ts";
import { planRunRecord, type RunFacts } from "./plan-run-record.ts";

const plan = {
  spec: {
    name: "qemux86-64",
    arch: "x86_64",
    qemuCpu: "max",
    cpus: 2,
    memoryMib: 2048,
    kernelCommandLine: "root=/dev/vda",
    rootDisk: { path: "/images/rootfs.ext4" },
  },
  accelerator: { kind: "tcg", reason: "there is no /dev/kvm" },
  qemu: { path: "/usr/bin/qemu-system-x86_64", version: "7.2.19" },
} as MachinePlan;

const ready: ClusterOutcome = {
  outcome: "ready",
  exitCode: 0,
  atMs: 90_000,
  heldSinceMs: 80_000,
  stableForMs: 10_000,
  summary: "1 of 1 nodes Ready",
  problems: [],
  events: [{ atMs: 60_000, kind: "api", subject: "qemux86-64", detail: "" }],
  waits: [],
  memory: [],
  checks: [{ name: "node guest", outcome: "passed", atMs: 70_000, reason: "", message: "" }],
  pods: [],
  nodes: [],
  snapshot: undefined,
};

const facts: RunFacts = {
  name: "qemux86-64",
  command: "test x.qemuboot.conf",
  toolVersion: "0.1.0",
  startedAtMs: 1_000_000,
  endedAtMs: 1_100_000,
  poweredOnAtMs: 1_002_000,
  host: { os: "Debian", cpus: 2, memoryMib: 8000 },
  plan,
  launcher: "qemu",
  k3sVersion: "k3s version v1.36.3+k3s1 (5aed4d7b)",
  events: [{ atMs: 20_000, kind: "ssh", subject: "qemux86-64", detail: "" }],
  waits: [],
  outcome: ready,
  failure: undefined,
  bundle: null,
};

test("a Ready outcome becomes a valid record whose timeline begins with power-on, in order", () => {
  const record = runRecordSchema.parse(planRunRecord(facts));
  expect(record.events.map((event) => event.kind)).toEqual(["power-on", "ssh", "api"]);
  expect(record.verdict).toMatchObject({ outcome: "ready", atMs: 80_000, stableForMs: 10_000, exitCode: 0, problems: [] });
  expect(record.durationMs).toBe(100_000);
});

test("the stand-in is told from k3s by what it says of itself", () => {
  const says = ["k3s version v1.36.3+standin (stand-in)", "k3s version v1.36.3+k3s1 (5aed4d7b)", null];
  expect(says.map((k3sVersion) => planRunRecord({ ...facts, k3sVersion }).machines[0]?.guest.standIn)).toEqual([
    true,
    false,
    false,
  ]);
});

test.each([
  [new GuestError("the kernel panicked", { code: "KERNEL_PANIC", hint: "see the console" }), "guest-failed", 6, "KERNEL_PANIC"],
  [new WaitTimeoutError({ condition: "SSH", waitedMs: 1, attempts: 1, lastObservation: "refused" }), "not-ready", 5, "TIMEOUT"],
  [new CommandError("qemu failed", { argv: ["qemu"] }), "environment-failed", 4, "COMMAND"],
  [new AbortedError(), "aborted", 130, "ABORTED"],
])("a run that ended before the judge with %s is told apart", (failure, outcome, exitCode, code) => {
  const record = runRecordSchema.parse(planRunRecord({ ...facts, outcome: undefined, failure }));
  expect(record.verdict).toMatchObject({ outcome, exitCode, stableForMs: 0, problems: [{ code, message: failure.message }] });
  expect(record.checks).toEqual([]);
});

test("a run without outcome and without error is never Ready", () => {
  const record = planRunRecord({ ...facts, outcome: undefined });
  expect(record.verdict.outcome).not.toBe("ready");
  expect(record.verdict.exitCode).not.toBe(0);
});
