import { judgeConsoleEvent, judgeMachineExit } from "../cluster/judge-console.ts";
import type { Problem } from "../cluster/expectation.ts";
import type { GuestShell } from "../cluster/guest-shell.ts";
import { openSsh } from "../cluster/open-ssh.ts";
import type { Context } from "../core/context.ts";
import { GuestError, WaitTimeoutError } from "../core/errors.ts";
import type { Machine } from "../machine/machine.ts";

/** QEMU's own words about its end come a moment after the connection breaks. */
const EXIT_GRACE_MS = 3000;

function toGuestError(problem: Problem, cause?: unknown): GuestError {
  return new GuestError(problem.message, { code: problem.code, hint: problem.hint ?? undefined, cause });
}

/**
 * Waits until the guest's SSH server lets the run in. Ends at once, with GuestError, when the machine ends or its console shows what cannot recover
 * (kernel panic, disk error); with WaitTimeoutError when the time is over; with the SSH errors of openSsh.
 */
export async function openGuest(
  ctx: Context,
  machine: Machine,
  options: { timeoutMs: number; onSeen?: (seen: string) => void },
): Promise<GuestShell> {
  const hopeless = new AbortController();
  let problem: Problem | undefined;
  let ended = false;
  const giveUp = (found: Problem): void => {
    problem ??= found;
    hopeless.abort();
  };
  const stopListening = machine.onConsoleEvent((event) => {
    const found = judgeConsoleEvent(event);
    if (found !== undefined) giveUp(found);
  });
  const followExit = async (): Promise<void> => {
    const exit = await machine.exited;
    if (!ended) giveUp(judgeMachineExit(exit));
  };
  void followExit();
  try {
    return await openSsh(ctx, machine.ssh, {
      timeoutMs: options.timeoutMs,
      signal: hopeless.signal,
      ...(options.onSeen === undefined ? {} : { onSeen: options.onSeen }),
    });
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    if (problem === undefined && !(error instanceof WaitTimeoutError)) {
      await Promise.race([machine.exited, ctx.clock.sleep(EXIT_GRACE_MS, ctx.signal)]);
    }
    if (problem !== undefined) throw toGuestError(problem, error);
    throw error;
  } finally {
    ended = true;
    stopListening();
  }
}
