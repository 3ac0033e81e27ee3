import { systemClock } from "../../core/clock.ts";
import type { Context, Env } from "../../core/context.ts";
import { openExec } from "../../core/run-process.ts";

/** A real context whose folders are the test's own; what is logged is kept. */
export function openTestContext(options: { folder: string; env?: Env }): { ctx: Context; logged: string[]; abort: () => void } {
  const stop = new AbortController();
  const logged: string[] = [];
  const keep = (message: string): void => void logged.push(message);
  const env = { ...process.env, TMPDIR: options.folder, XDG_CACHE_HOME: options.folder, ...options.env };
  const ctx: Context = {
    exec: openExec({ cwd: options.folder, env, signal: stop.signal }),
    clock: systemClock,
    log: { info: keep, warn: keep, debug: keep, progress: keep },
    signal: stop.signal,
    cwd: options.folder,
    env,
  };
  return { ctx, logged, abort: () => stop.abort() };
}
