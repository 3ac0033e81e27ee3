import { expect, test } from "vitest";
import { systemClock } from "../core/clock.ts";
import { GuestError, WaitTimeoutError } from "../core/errors.ts";
import type { ConsoleEvent, Machine, MachineExit } from "../machine/machine.ts";
import { watchMachine } from "./watch-machine.ts";

type Watched = Pick<Machine, "exited" | "onConsoleEvent">;
const ctx = { clock: systemClock, signal: new AbortController().signal };
const KILLED: MachineExit = { reason: "killed", detail: "signal 9", consoleTail: "" };

interface OpenMachine {
  machine: Watched;
  exit: (how: MachineExit) => void;
  tell: (event: ConsoleEvent) => void;
  listeners: () => number;
}

function openMachine(): OpenMachine {
  const exited = Promise.withResolvers<MachineExit>();
  const listeners = new Set<(event: ConsoleEvent) => void>();
  return {
    machine: {
      exited: exited.promise,
      onConsoleEvent: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    exit: exited.resolve,
    tell: (event) => listeners.forEach((listener) => listener(event)),
    listeners: () => listeners.size,
  };
}

test("what the work gives is given on, and nobody listens any more", async () => {
  const { machine, listeners } = openMachine();
  expect(await watchMachine(ctx, machine, async () => 7)).toBe(7);
  expect(listeners()).toBe(0);
});

test("a machine that ends stops the work, even one that never settles", async () => {
  const { machine, exit } = openMachine();
  let stopped = false;
  const working = watchMachine(ctx, machine, (signal) => {
    signal.addEventListener("abort", () => void (stopped = true));
    return new Promise(() => undefined);
  });
  exit(KILLED);
  await expect(working).rejects.toMatchObject({ code: "MACHINE_KILLED" });
  expect(stopped).toBe(true);
});

test("a connection that breaks a moment before QEMU's end is known is the end's fault", async () => {
  const { machine, exit } = openMachine();
  const working = watchMachine(ctx, machine, async () => {
    setTimeout(() => exit(KILLED), 20);
    throw new GuestError("the SSH connection to the guest was lost", { code: "SSH_LOST" });
  });
  await expect(working).rejects.toMatchObject({ code: "MACHINE_KILLED", cause: { code: "SSH_LOST" } });
});

test("an error of the work's own is told as it is", async () => {
  const { machine } = openMachine();
  const timeout = new WaitTimeoutError({ condition: "SSH", waitedMs: 1, attempts: 1, lastObservation: "nothing" });
  await expect(watchMachine(ctx, machine, () => Promise.reject(timeout))).rejects.toBe(timeout);
});

test("time that ran out for a guest with a stalled CPU is told with the stall", async () => {
  const { machine, tell } = openMachine();
  const working = watchMachine(ctx, machine, async () => {
    const line = "[  296.231970] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:";
    tell({ kind: "cpu-stall", atMs: 297_400, line, subject: undefined });
    throw new WaitTimeoutError({ condition: "SSH", waitedMs: 360_000, attempts: 9, lastObservation: "no answer" });
  });
  await expect(working).rejects.toMatchObject({
    code: "TIMEOUT",
    message:
      "gave up waiting for SSH after 360 s: no answer; the guest's kernel told that a CPU of it was stalled, the last time 297 s after power-on",
    hint: expect.stringContaining("try again when the host is idle"),
  });
});
