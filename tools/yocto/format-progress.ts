import type { BuildProgress } from "./plan-progress.ts";

/** "1 h 04 min", "3 min 20 s", "12 s". */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return minutes > 0 ? `${minutes} min ${String(rest).padStart(2, "0")} s` : `${rest} s`;
}

/** "1.4 GiB", "12 MiB", "900 bytes". */
export function formatSize(bytes: number): string {
  if (bytes >= 1024 ** 3) return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  return bytes >= 1024 ** 2 ? `${Math.round(bytes / 1024 ** 2)} MiB` : `${bytes} bytes`;
}

function formatRunning(progress: BuildProgress, nowSeconds: number): string {
  return [...progress.running.values()]
    .sort((a, b) => a.startedAt - b.startedAt)
    .map(({ recipe, task, startedAt }) => {
      const seconds = nowSeconds - startedAt;
      return `${recipe} ${task.replace(/^do_/, "")}${seconds >= 30 ? ` ${formatDuration(seconds * 1000)}` : ""}`;
    })
    .join(", ");
}

/**
 * One line that says how far a build is. `nowSeconds` is the time since 1970, `leftMs` the estimate of the time left, where there is one.
 */
export function formatProgress(progress: BuildProgress, options: { nowSeconds: number; leftMs: number | undefined }): string {
  const { tasks, setscene, parse } = progress;
  if (tasks !== undefined) {
    const left = options.leftMs === undefined ? "" : `, about ${formatDuration(options.leftMs)} left`;
    const failed = tasks.failed === 0 ? "" : `, ${tasks.failed} failed`;
    const running = formatRunning(progress, options.nowSeconds);
    return `${tasks.done} of ${tasks.total} tasks${failed}${left}${running === "" ? "" : `: ${running}`}`;
  }
  if (setscene !== undefined) return `taking built parts from sstate: ${setscene.done} of ${setscene.total}`;
  if (progress.phase === "parsing recipes" && parse !== undefined) return `parsing recipes: ${parse.done} of ${parse.total}`;
  return progress.phase;
}
