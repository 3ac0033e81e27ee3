import { systemClock } from "../../core/clock.ts";
import type { Context, Env } from "../../core/context.ts";
import { openExec } from "../../core/run-process.ts";

/** A context for tests: real time and processes, the environment given, no output. */
export function openContext(cwd: string, env: Env): Context {
  const { signal } = new AbortController();
  return {
    exec: openExec({ cwd, env, signal }),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined, debug: () => undefined, progress: () => undefined },
    signal,
    cwd,
    env,
  };
}
