import type { Context } from "../core/context.ts";

/** Tells how a download of many files goes. */
export interface DownloadProgress extends Disposable {
  addBytes(bytes: number): void;
  addModule(): void;
}

const SHOW_EVERY_MS = 1000;
const MIB = 1024 * 1024;

/** One line of progress with modules, bytes and rate, at most once a second; nothing at all while no byte comes over the network. */
export function openDownloadProgress(ctx: Pick<Context, "clock" | "log">, modules: number): DownloadProgress {
  const startMs = ctx.clock.monotonicMs();
  let shownMs = Number.NEGATIVE_INFINITY;
  let bytes = 0;
  let done = 0;
  const text = (): string => {
    const seconds = Math.max((ctx.clock.monotonicMs() - startMs) / 1000, 0.001);
    return `modules: ${done}/${modules}, ${(bytes / MIB).toFixed(1)} MiB, ${(bytes / MIB / seconds).toFixed(1)} MiB/s`;
  };
  const show = (): void => {
    const nowMs = ctx.clock.monotonicMs();
    if (bytes === 0 || nowMs - shownMs < SHOW_EVERY_MS) return;
    shownMs = nowMs;
    ctx.log.progress(text());
  };
  return {
    addBytes(more) {
      bytes += more;
      show();
    },
    addModule() {
      done += 1;
      show();
    },
    [Symbol.dispose]() {
      if (bytes > 0) ctx.log.info(`${text()} fetched`);
    },
  };
}
