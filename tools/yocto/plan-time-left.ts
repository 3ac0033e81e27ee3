import { z } from "zod";

/** Shares of the tasks at which the time is noted, in hundredths: the curve of a build. */
const STEPS = 100;

/** How a build that succeeded went: milliseconds from the first task until each hundredth of the tasks was done. */
const buildCurveSchema = z.object({ image: z.string(), tasks: z.number().int(), elapsedMs: z.array(z.number()) });

export const buildHistorySchema = z.strictObject({ schemaVersion: z.literal(1), builds: z.array(buildCurveSchema) });

export type BuildCurve = z.infer<typeof buildCurveSchema>;

/** A point of a build under way: tasks done, milliseconds since its first task. */
export interface ProgressPoint {
  readonly done: number;
  readonly elapsedMs: number;
}

/** Makes the curve of a finished build from its points, which are in order of time. */
export function planBuildCurve(options: { image: string; tasks: number; points: readonly ProgressPoint[] }): BuildCurve {
  const { image, tasks, points } = options;
  let index = 0;
  const elapsedMs = Array.from({ length: STEPS + 1 }, (_unused, step) => {
    while (index < points.length - 1 && (points[index]?.done ?? 0) < (tasks * step) / STEPS) index += 1;
    return points[index]?.elapsedMs ?? 0;
  });
  return { image, tasks, elapsedMs };
}

function elapsedAt(curve: BuildCurve, share: number): number {
  const position = Math.min(1, Math.max(0, share)) * STEPS;
  const lower = curve.elapsedMs[Math.floor(position)] ?? 0;
  const upper = curve.elapsedMs[Math.ceil(position)] ?? lower;
  return lower + (upper - lower) * (position - Math.floor(position));
}

/**
 * Milliseconds that a build still takes, from the last one of the same image with about as many tasks (a fifth more or less), stretched by how
 * this one has gone so far. undefined without such a build, or before a hundredth is done.
 */
export function planTimeLeft(
  history: readonly BuildCurve[],
  now: { image: string; tasks: number; done: number; elapsedMs: number },
): number | undefined {
  const alike = history.findLast(
    (curve) => curve.image === now.image && Math.abs(curve.tasks - now.tasks) <= Math.max(curve.tasks, now.tasks) / 5,
  );
  if (alike === undefined || now.done * STEPS < now.tasks) return undefined;
  const then = elapsedAt(alike, now.done / now.tasks);
  const rest = elapsedAt(alike, 1) - then;
  const stretch = then > 0 ? now.elapsedMs / then : 1;
  // One build in which little was to do tells nothing of one in which all is: a stretch beyond 4 is no estimate.
  return stretch > 4 || stretch < 0.25 ? rest : rest * stretch;
}
