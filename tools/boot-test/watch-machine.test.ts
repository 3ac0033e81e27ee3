import { expect, test } from "vitest";
import { systemClock } from "../core/clock.ts";
import { GuestError, WaitTimeoutError } from "../core/errors.ts";
import type { Machine, MachineExit } from "../machine/machine.ts";
import { watchMachine } from "./watch-machine.ts";

type Watched = Pick<Machine, "exited" | "onConsoleEvent">;
const ctx = { clock: systemClock, signal: new AbortController().signal };
const KILLED: MachineExit = { reason: "killed", detail: "signal 9", consoleTail: "" };

function openMachine(): { machine: Watched; exit: (how: MachineExit) => void; listeners: () => number } {
  const exited = Promise.withResolvers<MachineExit>();
  let listeners = 0;
  return {
    machine: {
      exited: exited.promise,
      onConsoleEvent: () => {
        listeners += 1;
        return () => void (listeners -= 1);
      },
    },
    exit: exited.resolve,
    listeners: () => listeners,
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
