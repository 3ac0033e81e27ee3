import { usedMib } from "./find-memory-peak.ts";
import { planX, type TimeAxis } from "./plan-time-axis.ts";
import type { RunRecord } from "./run-record.ts";

type Sample = RunRecord["memory"][number];

export interface MemoryLane {
  readonly machine: string;
  readonly totalMib: number;
  readonly peak: { readonly atMs: number; readonly usedMib: number; readonly x: number; readonly y: number };
  readonly last: { readonly atMs: number; readonly usedMib: number };
  /** Points of the curve of used memory, left to right, thinned to at most two per pixel column, every peak kept. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

function thin(points: readonly { x: number; y: number }[]): readonly { x: number; y: number }[] {
  const columns = new Map<number, { x: number; y: number }[]>();
  for (const point of points) {
    const column = Math.round(point.x / 2);
    const kept = columns.get(column);
    if (kept === undefined) columns.set(column, [point]);
    else kept.push(point);
  }
  return [...columns.values()].flatMap((column) => {
    const highest = column.reduce((best, point) => (point.y < best.y ? point : best));
    const last = column.at(-1);
    return last === undefined || last === highest ? [highest] : [highest, last];
  });
}

/** Used memory over time of each machine that was sampled, as a curve between `topPx` (all of the memory) and `bottomPx` (none). */
export function planMemoryLanes(memory: RunRecord["memory"], options: { axis: TimeAxis; heightPx: number }): readonly MemoryLane[] {
  const byMachine = Map.groupBy(memory, (sample) => sample.machine);
  return [...byMachine].map(([machine, unsorted]) => {
    const samples = unsorted.toSorted((a, b) => a.atMs - b.atMs);
    const totalMib = samples.reduce((most, sample) => Math.max(most, sample.totalMib), 1);
    const place = (sample: Sample): { x: number; y: number } => ({
      x: planX(options.axis, sample.atMs),
      y: options.heightPx * (1 - Math.min(usedMib(sample) / totalMib, 1)),
    });
    const top = samples.reduce((best, sample) => (usedMib(sample) > usedMib(best) ? sample : best));
    const last = samples.reduce((_, sample) => sample);
    return {
      machine,
      totalMib,
      peak: { atMs: top.atMs, usedMib: usedMib(top), ...place(top) },
      last: { atMs: last.atMs, usedMib: usedMib(last) },
      points: thin(samples.map(place)),
    };
  });
}
