/** Where a moment of the run lies in the chart, and where the axis has its ticks. */
export interface TimeAxis {
  readonly endMs: number;
  readonly leftPx: number;
  readonly rightPx: number;
  readonly ticks: readonly { readonly atMs: number; readonly x: number }[];
}

const steps = [
  100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000,
  7_200_000, 14_400_000, 43_200_000, 86_400_000,
];

/** A linear axis from 0 to `endMs` (at least 100 ms) between two pixel positions, with ticks at round times at least `minTickPx` apart. */
export function planTimeAxis(options: { endMs: number; leftPx: number; rightPx: number; minTickPx: number }): TimeAxis {
  const { leftPx, rightPx, minTickPx } = options;
  const endMs = Math.max(options.endMs, 100);
  const room = Math.max(1, Math.floor((rightPx - leftPx) / minTickPx));
  const stepMs = steps.find((candidate) => endMs / candidate <= room) ?? endMs;
  const ticks = [];
  for (let atMs = 0; atMs <= endMs; atMs += stepMs) ticks.push({ atMs, x: leftPx + (atMs / endMs) * (rightPx - leftPx) });
  return { endMs, leftPx, rightPx, ticks };
}

/** The x position of a moment; what lies outside the axis is put at its end. */
export function planX(axis: TimeAxis, atMs: number): number {
  const share = Math.min(Math.max(atMs / axis.endMs, 0), 1);
  return axis.leftPx + share * (axis.rightPx - axis.leftPx);
}
