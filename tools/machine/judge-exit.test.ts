import { expect, test } from "vitest";
import type { ExitEvidence } from "./judge-exit.ts";
import { judgeExit } from "./judge-exit.ts";

const NOTHING: ExitEvidence = {
  status: 0,
  signalName: undefined,
  shutdownReason: undefined,
  panicEvent: false,
  panicLine: undefined,
  endedByTool: undefined,
  consoleTail: "last words",
  logTail: "",
};
const PANIC = "[ 5.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00";

test.each<[string, Partial<ExitEvidence>, string, string]>([
  ["the guest shut down", { shutdownReason: "guest-shutdown" }, "powered-off", ""],
  ["the guest reset itself", { shutdownReason: "guest-reset" }, "rebooted", ""],
  [
    "a panic that reset the machine",
    { shutdownReason: "guest-reset", panicLine: PANIC },
    "panicked",
    "Attempted to kill init! exitcode=0x00007f00",
  ],
  ["a panic told by pvpanic only", { shutdownReason: "guest-panic", panicEvent: true }, "panicked", ""],
  [
    "a panic that hung and was ended",
    { status: undefined, signalName: "SIGKILL", panicLine: PANIC },
    "panicked",
    "Attempted to kill init! exitcode=0x00007f00",
  ],
  ["the power was cut", { status: undefined, signalName: "SIGKILL", endedByTool: "power-cut" }, "killed", "the power was cut"],
  [
    "a guest that would not shut down",
    { shutdownReason: "host-signal", endedByTool: "power-off-timeout" },
    "killed",
    "the guest did not shut down in time and was switched off",
  ],
  ["a guest that shut down just in time", { shutdownReason: "guest-shutdown" }, "powered-off", ""],
  [
    "disposed of",
    { status: undefined, signalName: "SIGKILL", endedByTool: "disposed" },
    "killed",
    "the machine was no longer needed",
  ],
  [
    "SIGKILL from outside",
    { status: undefined, signalName: "SIGKILL" },
    "killed",
    "ended by SIGKILL, by somebody or by the host for want of memory",
  ],
  ["SIGTERM from outside", { shutdownReason: "host-signal" }, "killed", "it was told to quit from outside (host-signal)"],
  [
    "killed under runqemu, which says nothing",
    { status: 0 },
    "killed",
    "it vanished, by somebody or by the host for want of memory",
  ],
  [
    "QEMU aborting",
    { status: undefined, signalName: "SIGABRT", logTail: "qemu: assertion failed" },
    "crashed",
    "SIGABRT: qemu: assertion failed",
  ],
  ["QEMU giving up", { status: 1, logTail: "a\nqemu: cannot allocate" }, "crashed", "exit status 1: qemu: cannot allocate"],
])("%s", (_name, evidence, reason, detail) => {
  expect(judgeExit({ ...NOTHING, ...evidence })).toEqual({ reason, detail, consoleTail: "last words" });
});

test("a C library that refuses the processor is named", () => {
  const consoleTail = "Fatal glibc error: CPU does not support x86-64-v2\nCPU ISA level is lower than required";
  expect(judgeExit({ ...NOTHING, panicLine: PANIC, consoleTail }).detail).toContain("install a newer QEMU");
});
