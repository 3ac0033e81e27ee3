import type { RunRecord } from "../report/run-record.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import { diffBlockers, type WaitSpan } from "./diff-blockers.ts";
import { diffSnapshots, type TimelineEvent } from "./diff-snapshots.ts";
import type { Expectations } from "./expectation.ts";
import { formatBlocker, formatChecks, planCheckSubjects, selectCheckSubject } from "./format-outcome.ts";
import type { Judgement } from "./judge-cluster.ts";
import { judgeProgress, type Activity, type Progress } from "./judge-progress.ts";

/** Enough to tell what moved within any sensible quiet time. */
const ACTIVITIES_KEPT = 64;

/** What a wait leaves behind: the run record's timeline, spans and memory, and what it takes to tell slow from stuck. */
export interface WaitRecorder {
  readonly events: readonly TimelineEvent[];
  readonly memory: RunRecord["memory"];
  addEvent(event: TimelineEvent): void;
  addMemory(sample: RunRecord["memory"][number]): void;
  addActivity(activity: Activity): void;
  /** Takes a new judgement; returns the obstacles that were not there before, one line each. */
  addJudgement(judgement: Judgement, atMs: number): readonly string[];
  /** Spans that ended, and those still open, which end now. */
  readWaits(nowMs: number): readonly WaitSpan[];
  readChecks(): RunRecord["checks"];
  readProgress(nowMs: number, quietMs: number): Progress;
}

/** Starts recording a wait for `expectations` at `startMs` (milliseconds since power-on, as all times here). */
export function openWaitRecorder(expectations: Expectations, startMs: number): WaitRecorder {
  const events: TimelineEvent[] = [];
  const memory: RunRecord["memory"][number][] = [];
  const waits: WaitSpan[] = [];
  const activities: Activity[] = [];
  const heldSinceMs = new Map<string, number>();
  const told = new Set<string>();
  let last: Judgement | undefined;
  let lastSnapshot: ClusterSnapshot | undefined;

  const addActivity = (activity: Activity): void => {
    activities.push(activity);
    if (activities.length > ACTIVITIES_KEPT) activities.shift();
  };

  const noteHeld = (judgement: Judgement, atMs: number): void => {
    const subjects = planCheckSubjects(expectations, judgement.snapshot);
    const blocked = new Set(judgement.blockers.map((blocker) => selectCheckSubject(blocker, subjects)));
    for (const subject of subjects) {
      if (blocked.has(subject)) heldSinceMs.delete(subject);
      else if (!heldSinceMs.has(subject)) heldSinceMs.set(subject, atMs);
    }
  };

  return {
    events,
    memory,
    addEvent: (event) => void events.push(event),
    addMemory: (sample) => void memory.push(sample),
    addActivity,
    addJudgement(judgement, atMs) {
      waits.push(...diffBlockers(last?.blockers ?? [], judgement.blockers, atMs));
      const { snapshot } = judgement;
      if (snapshot !== undefined && snapshot !== lastSnapshot) {
        const seen = diffSnapshots(lastSnapshot, snapshot, atMs);
        events.push(...seen);
        addActivity({ atMs, what: seen[0] === undefined ? "the cluster changes" : `${seen[0].subject}: ${seen[0].kind}` });
        lastSnapshot = snapshot;
        noteHeld(judgement, atMs);
      }
      last = judgement;
      const fresh: string[] = [];
      for (const blocker of judgement.blockers) {
        const key = `${blocker.subject}\n${blocker.reason}`;
        if (told.has(key)) continue;
        told.add(key);
        fresh.push(formatBlocker(blocker));
      }
      return fresh;
    },
    readWaits: (nowMs) => [...waits, ...diffBlockers(last?.blockers ?? [], [], nowMs)],
    readChecks: () => formatChecks({ expectations, snapshot: last?.snapshot, blockers: last?.blockers ?? [], heldSinceMs }),
    readProgress: (nowMs, quietMs) => judgeProgress({ activities, sinceMs: startMs, nowMs, quietMs }),
  };
}
