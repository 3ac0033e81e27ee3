import type { RunRecord } from "./run-record.ts";

export interface WaitSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly reason: string;
  readonly message: string;
  /** True when the reason names a fault rather than work in progress. */
  readonly fault: boolean;
}

export interface WaitMark {
  readonly atMs: number;
  readonly kind: "ready" | "problem";
  readonly title: string;
}

/** One line of the chart: what one subject waited for, and when it was there. */
export interface WaitRow {
  readonly subject: string;
  readonly spans: readonly WaitSpan[];
  readonly marks: readonly WaitMark[];
  readonly fault: boolean;
}

export interface WaitRows {
  readonly rows: readonly WaitRow[];
  /** Subjects that found no row of their own, in one. */
  readonly rest:
    | { readonly count: number; readonly marks: readonly WaitMark[]; readonly fromMs: number; readonly toMs: number }
    | undefined;
}

/**
 * Whether a wait's reason names a fault. Kubernetes has no list of such words; these parts cover the kubelet's and the container runtime's
 * (CrashLoopBackOff, ImagePullBackOff, ErrImagePull, OOMKilled, CreateContainerConfigError, Evicted …) and leave out what
 * every boot passes through (Unschedulable while the node is not Ready).
 */
export function judgeFaultReason(reason: string): boolean {
  return /BackOff|Err|Fail(?!edScheduling)|OOM|Unhealthy|Panic|Evicted|Lost|Denied|Invalid/u.test(reason);
}

const workload = /^(?:deployment|daemonset|statefulset|replicaset|job) (?<name>\S+)$/u;

/** The row that a pod's event belongs to: its own, or that of the workload that its name begins with. */
function selectRowSubject(subject: string, waited: ReadonlySet<string>): string {
  if (waited.has(subject)) return subject;
  const pod = /^(?:pod|job) (?<name>\S+)$/u.exec(subject)?.groups?.["name"];
  if (pod === undefined) return subject;
  const owners = [...waited].filter((candidate) => {
    const name = workload.exec(candidate)?.groups?.["name"];
    return name !== undefined && pod.startsWith(`${name}-`);
  });
  return owners.sort((a, b) => b.length - a.length)[0] ?? subject;
}

interface Draft {
  readonly subject: string;
  readonly spans: WaitSpan[];
  readonly marks: WaitMark[];
}

function addSpan(draft: Draft, wait: RunRecord["waits"][number], mergeMs: number): void {
  const last = draft.spans.at(-1);
  if (last !== undefined && last.reason === wait.reason && wait.fromMs - last.toMs <= mergeMs) {
    draft.spans[draft.spans.length - 1] = { ...last, toMs: Math.max(last.toMs, wait.toMs), message: wait.message };
  } else {
    draft.spans.push({
      fromMs: wait.fromMs,
      toMs: Math.max(wait.fromMs, wait.toMs),
      reason: wait.reason,
      message: wait.message,
      fault: judgeFaultReason(wait.reason),
    });
  }
}

function startOf(draft: Draft): number {
  return Math.min(...draft.spans.map((span) => span.fromMs), ...draft.marks.map((mark) => mark.atMs));
}

function waitedMs(row: Draft): number {
  return row.spans.reduce((sum, span) => sum + span.toMs - span.fromMs, 0);
}

/**
 * One row per subject, in the order in which they begin. Spans of the same reason less than `mergeMs` apart become one. With more than
 * `maxRows` subjects the most telling keep a row (faults, then what never became ready, then the longest waits); the others share one.
 */
export function planWaitRows(record: Pick<RunRecord, "waits" | "events">, options: { maxRows: number; mergeMs: number }): WaitRows {
  const drafts = new Map<string, Draft>();
  const draftOf = (subject: string): Draft => {
    const found = drafts.get(subject) ?? { subject, spans: [], marks: [] };
    drafts.set(subject, found);
    return found;
  };
  for (const wait of record.waits.toSorted((a, b) => a.fromMs - b.fromMs)) addSpan(draftOf(wait.subject), wait, options.mergeMs);

  const waited = new Set(drafts.keys());
  for (const event of record.events) {
    const kind = event.kind === "problem" ? "problem" : "ready";
    const own = event.kind === "pod-ready" || event.kind === "job-done";
    if (!own && !waited.has(event.subject)) continue;
    if (event.kind === "ready" || event.kind === "power-on" || event.kind === "end") continue;
    draftOf(selectRowSubject(event.subject, waited)).marks.push({
      atMs: event.atMs,
      kind,
      title: [event.subject, event.detail].filter((part) => part !== "").join(": "),
    });
  }

  const rows = [...drafts.values()].sort((a, b) => startOf(a) - startOf(b));
  const isFault = (row: Draft): boolean =>
    row.spans.some((span) => span.fault) || row.marks.some((mark) => mark.kind === "problem");
  const rank = (row: Draft): number => (isFault(row) ? 2 : 0) + (row.marks.some((mark) => mark.kind === "ready") ? 0 : 1);
  const chosen =
    rows.length <= options.maxRows
      ? new Set(rows)
      : new Set(rows.toSorted((a, b) => rank(b) - rank(a) || waitedMs(b) - waitedMs(a)).slice(0, options.maxRows - 1));
  const others = rows.filter((row) => !chosen.has(row));
  return {
    rows: rows
      .filter((row) => chosen.has(row))
      .map((row) => ({ subject: row.subject, spans: row.spans, marks: row.marks, fault: isFault(row) })),
    rest:
      others.length === 0
        ? undefined
        : {
            count: others.length,
            marks: others.flatMap((row) => row.marks),
            fromMs: Math.min(...others.map(startOf)),
            toMs: others.reduce((end, row) => Math.max(end, ...row.spans.map((s) => s.toMs), ...row.marks.map((m) => m.atMs)), 0),
          },
  };
}
