import { type Clock, systemClock } from "../../core/clock.ts";
import type { Context } from "../../core/context.ts";
import { openExec } from "../../core/run-process.ts";

export interface TestContext {
  readonly ctx: Context;
  /** Every line logged, in order, as "info: …". */
  readonly lines: string[];
  abort(): void;
  /** Makes the clock jump forward, so that a deadline passes when a test wants it to and not when the machine is slow. */
  advance(ms: number): void;
}

/** A context with the real clock and a logger that remembers. */
export function openTestContext(): TestContext {
  const lines: string[] = [];
  const controller = new AbortController();
  const { signal } = controller;
  const log = {
    info: (message: string) => void lines.push(`info: ${message}`),
    warn: (message: string) => void lines.push(`warn: ${message}`),
    debug: (message: string) => void lines.push(`debug: ${message}`),
    progress: (message: string) => void lines.push(`progress: ${message}`),
  };
  let aheadMs = 0;
  const clock: Clock = {
    nowMs: () => systemClock.nowMs() + aheadMs,
    monotonicMs: () => systemClock.monotonicMs() + aheadMs,
    sleep: (ms, abortSignal) => systemClock.sleep(ms, abortSignal),
  };
  const cwd = process.cwd();
  const { env } = process;
  return {
    ctx: { exec: openExec({ cwd, env, signal }), clock, log, signal, cwd, env },
    lines,
    abort: () => controller.abort(),
    advance: (ms) => {
      aheadMs += ms;
    },
  };
}
