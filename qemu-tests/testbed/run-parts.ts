import pLimit from "p-limit";
import type { Context } from "../../tools/core/context.ts";
import type { Exec, RunOptions } from "../../tools/core/exec.ts";
import type { PartCache } from "./open-part-cache.ts";
import type { PartOutcome } from "./part.ts";
import { planReason } from "./plan-parts.ts";
import type { PlannedPart } from "./plan-parts.ts";

const REMINDER_MS = 30_000;

export interface RunPartsOptions {
  readonly cache: PartCache;
}

interface Running {
  readonly title: string;
  readonly startMs: number;
  readonly lastSeconds: number | undefined;
}

function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** The context with one more way to stop whatever is running. */
function withSignal(ctx: Context, signal: AbortSignal): Context {
  const add = (options: RunOptions = {}): RunOptions => ({
    ...options,
    signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
  });
  const exec: Exec = {
    ...ctx.exec,
    run: (argv, options) => ctx.exec.run(argv, add(options)),
    runCheck: (argv, options) => ctx.exec.runCheck(argv, add(options)),
  };
  return { ...ctx, exec, signal: AbortSignal.any([ctx.signal, signal]) };
}

/**
 * Takes each part from the cache or makes it, several at once, each after those it needs; says what is made, why, how long it took last time
 * and how long it took now. The first failure stops the others and is thrown.
 */
export async function runParts(
  ctx: Context,
  planned: readonly PlannedPart[],
  options: RunPartsOptions,
): Promise<ReadonlyMap<string, PartOutcome>> {
  const failed = new AbortController();
  const inner = withSignal(ctx, failed.signal);
  // Two compilers at once would both compile what their programs share.
  const cpu = pLimit(1);
  const io = pLimit(2);
  const outcomes = new Map<string, PartOutcome>();
  const running = new Map<string, Running>();
  const done = new Map<string, Promise<void>>();

  const remind = setInterval(() => {
    const lines = [...running.values()].map(({ title, startMs, lastSeconds }) => {
      const soFar = formatDuration((ctx.clock.monotonicMs() - startMs) / 1000);
      return lastSeconds === undefined ? `${title} ${soFar}` : `${title} ${soFar} of about ${formatDuration(lastSeconds)}`;
    });
    if (lines.length > 0) ctx.log.progress(`making: ${lines.join("; ")}`);
  }, REMINDER_MS);

  function need(name: string): string {
    const outcome = outcomes.get(name);
    if (outcome === undefined) throw new Error(`${name} is read by a part that does not name it in its needs`);
    return outcome.dir;
  }

  async function make(item: PlannedPart): Promise<void> {
    const { part } = item;
    inner.signal.throwIfAborted();
    const previous = await options.cache.previous(part.name);
    const reason = planReason(previous, item.inputs);
    ctx.log.info(
      `${part.title}: making it (${reason}${previous === undefined ? "" : `; took ${formatDuration(previous.seconds)} last time`})`,
    );
    running.set(part.name, { title: part.title, startMs: ctx.clock.monotonicMs(), lastSeconds: previous?.seconds });
    try {
      const made = await options.cache.make(inner, item, {
        need,
        onWait: () => ctx.log.info(`${part.title}: another meta-k3s is making it; waiting for that one`),
      });
      outcomes.set(part.name, {
        name: part.name,
        action: made.shared ? "reused" : "built",
        seconds: made.seconds,
        reason: made.shared ? "" : reason,
        dir: made.dir,
      });
      ctx.log.info(
        made.shared ? `${part.title}: made by another meta-k3s` : `${part.title}: made in ${formatDuration(made.seconds)}`,
      );
    } finally {
      running.delete(part.name);
    }
  }

  async function take(item: PlannedPart): Promise<void> {
    await Promise.all(item.part.needs.map(async (name) => done.get(name)));
    const dir = await options.cache.find(item);
    if (dir !== undefined) {
      outcomes.set(item.part.name, { name: item.part.name, action: "reused", seconds: 0, reason: "", dir });
      return;
    }
    await (item.part.load === "cpu" ? cpu : io)(() => make(item));
  }

  let firstError: { error: unknown } | undefined;
  for (const item of planned) {
    const result = take(item);
    result.catch((error: unknown) => {
      firstError ??= { error };
      failed.abort(error);
    });
    done.set(item.part.name, result);
  }
  try {
    await Promise.allSettled(done.values());
  } finally {
    clearInterval(remind);
  }
  if (firstError !== undefined) throw firstError.error;
  return outcomes;
}
