import { readFile } from "node:fs/promises";
import type { Context } from "../core/context.ts";
import { formatFailure, judgeFailure } from "./judge-failure.ts";
import type { BitBakeEvent } from "./parse-bitbake-event.ts";
import { formatProgress } from "./format-progress.ts";
import { NO_PROGRESS, planProgress } from "./plan-progress.ts";
import type { BuildProgress } from "./plan-progress.ts";
import { planTimeLeft } from "./plan-time-left.ts";
import type { BuildCurve, ProgressPoint } from "./plan-time-left.ts";

/** What has been seen of a build, shown as it comes. */
export interface BuildProgressView {
  take(event: BitBakeEvent): void;
  readonly progress: BuildProgress;
  /** For the history, when the build succeeded. */
  readonly points: readonly ProgressPoint[];
  /** Resolves when every failure so far has been explained. */
  settle(): Promise<void>;
}

/** Off a terminal a line is printed this often at most, so that a log stays short. */
const QUIET_STEP_MS = 30_000;

/** Shows a build's progress on the context's logger; a task that fails is explained, with the lines of its log, as soon as it happens. */
export function openBuildProgress(
  ctx: Context,
  options: { image: string; history: readonly BuildCurve[]; tty: boolean },
): BuildProgressView {
  let progress = NO_PROGRESS;
  let firstTaskMs: number | undefined;
  let lastShownMs = Number.NEGATIVE_INFINITY;
  let lastPhase = "";
  const points: ProgressPoint[] = [];
  const explaining: Promise<void>[] = [];

  const explain = async (task: { recipe: string; task: string; log: string }): Promise<void> => {
    const log = await readFile(task.log, "utf8").catch(() => "");
    ctx.log.warn(formatFailure(task, judgeFailure(log)));
  };
  const show = (): void => {
    const nowMs = ctx.clock.monotonicMs();
    if (!options.tty && progress.phase === lastPhase && nowMs - lastShownMs < QUIET_STEP_MS) return;
    [lastShownMs, lastPhase] = [nowMs, progress.phase];
    const { tasks } = progress;
    const leftMs =
      tasks === undefined || firstTaskMs === undefined
        ? undefined
        : planTimeLeft(options.history, {
            image: options.image,
            tasks: tasks.total,
            done: tasks.done,
            elapsedMs: nowMs - firstTaskMs,
          });
    ctx.log.progress(formatProgress(progress, { nowSeconds: ctx.clock.nowMs() / 1000, leftMs }));
  };

  return {
    take(event) {
      progress = planProgress(progress, event);
      if (event.event === "counts") {
        firstTaskMs ??= ctx.clock.monotonicMs();
        points.push({ done: event.done, elapsedMs: ctx.clock.monotonicMs() - firstTaskMs });
      }
      if (event.event === "failed") explaining.push(explain(event));
      if (event.event === "message" && event.level === "error" && event.pid === 0) ctx.log.warn(event.text);
      show();
    },
    get progress() {
      return progress;
    },
    points,
    settle: async () => {
      await Promise.all(explaining);
    },
  };
}
