import type { RunRecord } from "./run-record.ts";

type Sample = RunRecord["memory"][number];

/** MiB that could not be given back when the sample was taken. */
export function usedMib(sample: Sample): number {
  return Math.max(0, sample.totalMib - sample.availableMib);
}

/** The first sample of those in which one machine had most in use; undefined where there is none. */
export function findMemoryPeak(samples: readonly Sample[]): Sample | undefined {
  return samples.reduce<Sample | undefined>(
    (most, sample) => (most === undefined || usedMib(sample) > usedMib(most) ? sample : most),
    undefined,
  );
}
