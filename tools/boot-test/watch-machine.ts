import type { Problem } from "../cluster/expectation.ts";
import { judgeConsoleEvent, judgeMachineExit } from "../cluster/judge-console.ts";
import type { Context } from "../core/context.ts";
import { GuestError, WaitTimeoutError } from "../core/errors.ts";
import type { Machine } from "../machine/machine.ts";

/** QEMU's own words about its end come a moment after the connection breaks. */
const EXIT_GRACE_MS = 3000;

/**
 * Does `work` with the guest while an eye is kept on the machine. Ends at once, with GuestError, when the machine ends or its console shows what
 * cannot recover (kernel panic, disk error): that is the cause where a lost connection is only what it looks like. The signal given to `work` is
 * aborted then. Otherwise throws what `work` throws.
 */
export async function watchMachine<T>(
  ctx: Pick<Context, "clock" | "signal">,
  machine: Pick<Machine, "exited" | "onConsoleEvent">,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const hopeless = new AbortController();
  const found = Promise.withResolvers<Problem>();
  let problem: Problem | undefined;
  let ended = false;
  const giveUp = (seen: Problem): void => {
    if (ended) return;
    problem ??= seen;
    hopeless.abort();
    found.resolve(problem);
  };
  const stopListening = machine.onConsoleEvent((event) => {
    const seen = judgeConsoleEvent(event);
    if (seen !== undefined) giveUp(seen);
  });
  const followExit = async (): Promise<void> => giveUp(judgeMachineExit(await machine.exited));
  void followExit();
  const working = work(hopeless.signal);
  try {
    const first = await Promise.race([working.then((value) => ({ value })), found.promise]);
    if ("value" in first) return first.value;
    throw new GuestError(first.message, { code: first.code, hint: first.hint ?? undefined });
  } catch (error) {
    // Whichever lost the race still has its say, to nobody.
    working.catch(() => undefined);
    if (ctx.signal.aborted) throw error;
    if (problem === undefined && !(error instanceof WaitTimeoutError)) {
      await Promise.race([machine.exited, ctx.clock.sleep(EXIT_GRACE_MS, ctx.signal)]);
    }
    if (problem === undefined) throw error;
    throw new GuestError(problem.message, { code: problem.code, hint: problem.hint ?? undefined, cause: error });
  } finally {
    ended = true;
    stopListening();
  }
}
