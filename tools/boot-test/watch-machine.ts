import type { Problem } from "../cluster/expectation.ts";
import { judgeConsoleEvent, judgeMachineExit } from "../cluster/judge-console.ts";
import type { Context } from "../core/context.ts";
import { GuestError, WaitTimeoutError } from "../core/errors.ts";
import type { ConsoleEvent, Machine } from "../machine/machine.ts";

/** QEMU's own words about its end come a moment after the connection breaks. */
const EXIT_GRACE_MS = 3000;

function toGuestError(problem: Problem, cause?: unknown): GuestError {
  return new GuestError(problem.message, { code: problem.code, hint: problem.hint ?? undefined, cause });
}

/** Time ran out for a guest whose kernel has told that a CPU of it did not run: what was waited for is not where to look. */
function explainStall(error: WaitTimeoutError, last: ConsoleEvent): WaitTimeoutError {
  return new WaitTimeoutError({
    condition: error.condition,
    waitedMs: error.waitedMs,
    attempts: error.attempts,
    lastObservation: `${error.lastObservation}; the guest's kernel told that a CPU of it was stalled, the last time ${Math.round(last.atMs / 1000)} s after power-on`,
    hint: "a virtual CPU had no time on this host, or lost its timer, which happens to emulated ones: try again when the host is idle; its report is on the console",
  });
}

/**
 * Does `work` with the guest while an eye is kept on the machine. Ends at once, with GuestError, when the machine ends or its console shows what
 * cannot recover (kernel panic, disk error): that is the cause where a lost connection is only what it looks like. The signal given to `work` is
 * aborted then. Otherwise throws what `work` throws; a WaitTimeoutError of it names the guest's stalled CPU, where its kernel told of one.
 */
export async function watchMachine<T>(
  ctx: Pick<Context, "clock" | "signal">,
  machine: Pick<Machine, "exited" | "onConsoleEvent">,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const hopeless = new AbortController();
  const failed = Promise.withResolvers<never>();
  let problem: Problem | undefined;
  let stall: ConsoleEvent | undefined;
  let ended = false;
  const giveUp = (seen: Problem): void => {
    if (ended) return;
    problem ??= seen;
    hopeless.abort();
    failed.reject(toGuestError(problem));
  };
  const stopListening = machine.onConsoleEvent((event) => {
    if (event.kind === "cpu-stall") stall = event;
    const seen = judgeConsoleEvent(event);
    if (seen !== undefined) giveUp(seen);
  });
  const followExit = async (): Promise<void> => giveUp(judgeMachineExit(await machine.exited));
  void followExit();
  try {
    return await Promise.race([work(hopeless.signal), failed.promise]);
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    if (problem === undefined && !(error instanceof WaitTimeoutError)) {
      await Promise.race([machine.exited, ctx.clock.sleep(EXIT_GRACE_MS, ctx.signal)]);
    }
    if (problem === undefined && stall !== undefined && error instanceof WaitTimeoutError) throw explainStall(error, stall);
    if (problem === undefined || (error instanceof GuestError && error.code === problem.code)) throw error;
    throw toGuestError(problem, error);
  } finally {
    ended = true;
    stopListening();
  }
}
