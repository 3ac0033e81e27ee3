import type { RunRecord } from "../report/run-record.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import { isTrue } from "./judge-pod.ts";

/** A point of the boot's timeline, in the run record's words. */
export type TimelineEvent = RunRecord["events"][number];

/**
 * What became true between two snapshots: nodes and pods that turned Ready, jobs that completed, containers that were restarted. The first
 * snapshot counts everything that is true in it.
 */
export function diffSnapshots(before: ClusterSnapshot | undefined, after: ClusterSnapshot, atMs: number): readonly TimelineEvent[] {
  const events: TimelineEvent[] = [];
  for (const node of after.nodes) {
    const was = before?.nodes.find((other) => other.uid === node.uid);
    if (isTrue(node.conditions, "Ready") && !(was !== undefined && isTrue(was.conditions, "Ready"))) {
      events.push({ atMs, kind: "node-ready", subject: `node ${node.name}`, detail: node.kubeletVersion });
    }
  }
  for (const pod of after.pods) {
    const was = before?.pods.find((other) => other.uid === pod.uid);
    const subject = `pod ${pod.namespace}/${pod.name}`;
    if (isTrue(pod.conditions, "Ready") && !(was !== undefined && isTrue(was.conditions, "Ready"))) {
      events.push({ atMs, kind: "pod-ready", subject, detail: pod.containers.map((container) => container.image).join(", ") });
    }
    for (const container of pod.containers) {
      const restartsBefore = was?.containers.find((other) => other.name === container.name)?.restartCount;
      if (restartsBefore === undefined || container.restartCount <= restartsBefore) continue;
      const last = container.lastTermination;
      const why = last === undefined ? "" : `: exit code ${last.exitCode} (${last.reason})`;
      events.push({ atMs, kind: "problem", subject, detail: `container ${container.name} was restarted${why}` });
    }
  }
  for (const job of after.jobs) {
    const was = before?.jobs.find((other) => other.uid === job.uid);
    if (isTrue(job.conditions, "Complete") && !(was !== undefined && isTrue(was.conditions, "Complete"))) {
      events.push({ atMs, kind: "job-done", subject: `job ${job.namespace}/${job.name}`, detail: "" });
    }
  }
  return events;
}
