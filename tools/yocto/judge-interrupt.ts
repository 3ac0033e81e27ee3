import type { BitBakeEvent } from "./parse-bitbake-event.ts";

/** What BitBake had begun when it was asked to stop may still be told for so long. */
const TASK_GRACE_MS = 2000;
const PARSE_GRACE_MS = 5000;

/**
 * Whether an event shows that BitBake forgot that it was asked to stop: it goes on to parse, or begins a task. It does so when it is asked between its
 * start and the parse, whose state replaces that of the shutdown (bitbake 2.18: lib/bb/cooker.py, shutdown and updateCache). Times are milliseconds since 1970.
 */
export function isStopForgotten(event: BitBakeEvent, times: { askedAtMs: number; nowMs: number }): boolean {
  if (event.event === "started") return event.at * 1000 > times.askedAtMs + TASK_GRACE_MS;
  return (event.event === "load" || event.event === "parse") && times.nowMs > times.askedAtMs + PARSE_GRACE_MS;
}
