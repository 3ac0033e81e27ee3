import type { Context } from "./context.ts";
import { AbortedError, WaitTimeoutError } from "./errors.ts";

/** What one look at a condition found: it holds (with a value), or not yet (with what was seen instead). */
export type Look<T> = { readonly done: true; readonly value: T } | { readonly done: false; readonly seen: string };

export interface WaitOptions {
  /** Names the condition in messages: "gave up waiting for <condition>". */
  readonly condition: string;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly hint?: string;
  /** Called with each distinct observation. */
  readonly onSeen?: (seen: string) => void;
}

/**
 * Looks until the condition holds. A look that throws ends the wait with that error: what cannot recover is not waited for.
 * Throws WaitTimeoutError with the last observation, AbortedError when the context is aborted.
 */
export async function waitFor<T>(
  ctx: Pick<Context, "clock" | "signal">,
  options: WaitOptions,
  look: () => Promise<Look<T>>,
): Promise<T> {
  const startMs = ctx.clock.monotonicMs();
  let lastSeen = "nothing was seen";
  for (let attempts = 1; ; attempts += 1) {
    if (ctx.signal.aborted) throw new AbortedError();
    const result = await look();
    if (result.done) return result.value;
    if (result.seen !== lastSeen) options.onSeen?.(result.seen);
    lastSeen = result.seen;
    const waitedMs = ctx.clock.monotonicMs() - startMs;
    if (waitedMs + options.intervalMs > options.timeoutMs) {
      throw new WaitTimeoutError({
        condition: options.condition,
        waitedMs,
        attempts,
        lastObservation: lastSeen,
        hint: options.hint,
      });
    }
    await ctx.clock.sleep(options.intervalMs, ctx.signal).catch((cause: unknown) => {
      throw new AbortedError(undefined, { cause });
    });
  }
}
