import type { RunRecord } from "../report/run-record.ts";
import { formatBlockerKey, type StandingBlocker } from "./judge-cluster.ts";

/** One span of waiting, in the run record's words. */
export type WaitSpan = RunRecord["waits"][number];

/** The obstacles that went away between two judgements, as spans that end now. */
export function diffBlockers(
  before: readonly StandingBlocker[],
  after: readonly StandingBlocker[],
  atMs: number,
): readonly WaitSpan[] {
  const present = new Set(after.map(formatBlockerKey));
  return before
    .filter((blocker) => !present.has(formatBlockerKey(blocker)))
    .map(({ sinceMs, subject, reason, message }) => ({ fromMs: sinceMs, toMs: atMs, subject, reason, message }));
}
