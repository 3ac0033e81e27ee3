import type { RunRecord } from "../report/run-record.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import type { Blocker, Expectations } from "./expectation.ts";
import { formatWorkload } from "./judge-look.ts";
import { isCurrentPod, isTrue, judgePod, selectCondition } from "./judge-pod.ts";

type Check = RunRecord["checks"][number];

const LONGEST_REASON = 280;
const HEAD = 120;

/** Whom it concerns stands at the beginning, and what is behind it at the end: in Go each caller puts its own words before the cause's. */
function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  if (line.length <= LONGEST_REASON) return line;
  return `${line.slice(0, HEAD)} … ${line.slice(HEAD + 3 - LONGEST_REASON)}`;
}

/** One line for one obstacle: "pod kube-system/x: ImagePullBackOff: …". */
export function formatBlocker(blocker: Pick<Blocker, "subject" | "reason" | "message">): string {
  return shorten(`${blocker.subject}: ${blocker.reason}${blocker.message === "" ? "" : `: ${blocker.message}`}`);
}

/** What is waited for, without the reasons: "waiting for 2: node guest, deployment kube-system/coredns". */
export function formatWaiting(blockers: readonly Blocker[]): string {
  const subjects = [...new Set(blockers.map((blocker) => blocker.subject))];
  const shown = subjects.slice(0, 4).join(", ");
  const more = subjects.length > 4 ? `, and ${subjects.length - 4} more` : "";
  return `waiting for ${shown}${more}`;
}

/** The subjects that are judged, in the order in which they are reported. */
export function planCheckSubjects(expectations: Expectations, snapshot: ClusterSnapshot | undefined): readonly string[] {
  const named = new Set(expectations.nodeNames);
  const others = (snapshot?.nodes ?? []).filter((node) => !named.has(node.name)).map((node) => node.name);
  return [
    ...[...expectations.nodeNames, ...others].map((name) => `node ${name}`),
    "nodes",
    ...expectations.workloads.map(formatWorkload),
    ...expectations.strictNamespaces.map((namespace) => `every other pod of ${namespace}`),
  ];
}

/** The check an obstacle counts under: its own subject's, or that of its namespace for pods and jobs nobody named. */
export function selectCheckSubject(blocker: Blocker, subjects: readonly string[]): string | undefined {
  if (subjects.includes(blocker.subject)) return blocker.subject;
  const namespace = /^(?:pod|job) ([^/]+)\//.exec(blocker.subject)?.[1];
  return subjects.find((subject) => subject === `every other pod of ${namespace}`);
}

/** One check for each expectation. `heldSinceMs` tells since when a subject has had no obstacle. */
export function formatChecks(input: {
  expectations: Expectations;
  snapshot: ClusterSnapshot | undefined;
  blockers: readonly Blocker[];
  heldSinceMs: ReadonlyMap<string, number>;
}): RunRecord["checks"] {
  const subjects = planCheckSubjects(input.expectations, input.snapshot);
  return subjects.map((name): Check => {
    if (input.snapshot === undefined) {
      const [blocker] = input.blockers;
      return {
        name,
        outcome: "not-judged",
        atMs: null,
        reason: blocker?.reason ?? "NotSeen",
        message: blocker?.message ?? "the cluster was never seen",
      };
    }
    const blocker = input.blockers.find((candidate) => selectCheckSubject(candidate, subjects) === name);
    if (blocker === undefined)
      return { name, outcome: "passed", atMs: input.heldSinceMs.get(name) ?? null, reason: "", message: "" };
    return { name, outcome: "failed", atMs: null, reason: blocker.reason, message: shorten(formatBlocker(blocker)) };
  });
}

/** The pods of a snapshot for the report. */
export function formatPods(snapshot: ClusterSnapshot | undefined): RunRecord["pods"] {
  if (snapshot === undefined) return [];
  return snapshot.pods.map((pod) => {
    const trouble = isCurrentPod(pod, snapshot) ? judgePod(pod, snapshot) : undefined;
    return {
      namespace: pod.namespace,
      name: pod.name,
      phase: pod.terminating ? "Terminating" : pod.phase,
      ready: isTrue(pod.conditions, "Ready") && !pod.terminating,
      restarts: pod.containers.reduce((sum, container) => sum + container.restartCount, 0),
      node: pod.nodeName,
      images: pod.containers.map((container) => container.image),
      reason: trouble === undefined ? "" : shorten(`${trouble.reason}: ${trouble.message}`),
    };
  });
}

/** The nodes of a snapshot for the report. */
export function formatNodes(snapshot: ClusterSnapshot | undefined): RunRecord["nodes"] {
  return (snapshot?.nodes ?? []).map((node) => {
    const ready = selectCondition(node.conditions, "Ready");
    return {
      name: node.name,
      ready: ready?.status === "True",
      version: node.kubeletVersion,
      reason: ready?.reason ?? "",
      message: ready?.message ?? "",
    };
  });
}
