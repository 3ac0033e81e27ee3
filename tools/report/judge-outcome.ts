import type { RunRecord } from "./run-record.ts";

/** Whether a pod is as it should be: Ready, or a job's that has completed. */
export function judgePodHealthy(pod: RunRecord["pods"][number]): boolean {
  return pod.ready || pod.phase === "Succeeded";
}

const words: Readonly<Record<RunRecord["verdict"]["outcome"], string>> = {
  ready: "Ready",
  "not-ready": "Not Ready",
  "guest-failed": "Guest failed",
  "environment-failed": "Could not run",
  aborted: "Stopped",
};

/** The words for a verdict, as every report shows them. A scenario is about more than a cluster that is Ready. */
export function formatOutcome({ kind, verdict: { outcome } }: Pick<RunRecord, "kind" | "verdict">): string {
  if (kind === "scenario" && outcome === "ready") return "Passed";
  if (kind === "scenario" && (outcome === "not-ready" || outcome === "guest-failed")) return "Failed";
  return words[outcome];
}
