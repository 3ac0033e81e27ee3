import { randomUUID } from "node:crypto";
import type { Context, Env } from "../core/context.ts";
import type { RunOptions, RunResult } from "../core/exec.ts";
import { killAll, readMarkedPids } from "./kill-marked-processes.ts";

/** kas ends what it started itself, and then itself, in well under this. */
const GRACE_MS = 2000;

/**
 * Runs kas. What it starts are process groups of their own, and a program that kas ends between its fork and its exec waits for ever as a copy of kas
 * (kas 5: libkas.py, run_cmd_async), perhaps with kas's own output open. So after an abort all that has this run's mark in its environment is ended. Throws
 * AbortedError.
 */
export async function runKas(
  ctx: Context,
  argv: readonly string[],
  options: Pick<RunOptions, "onLine"> & { readonly env: Env },
): Promise<RunResult> {
  const id = randomUUID();
  const sweep = async (): Promise<void> => killAll(await readMarkedPids(`META_K3S_KAS_RUN=${id}`));
  const ended = new AbortController();
  const onAbort = (): void => void ctx.clock.sleep(GRACE_MS, ended.signal).then(sweep, () => undefined);
  ctx.signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await ctx.exec.run(argv, { ...options, env: { ...options.env, META_K3S_KAS_RUN: id } });
  } finally {
    ctx.signal.removeEventListener("abort", onAbort);
    ended.abort();
    if (ctx.signal.aborted) await sweep();
  }
}
