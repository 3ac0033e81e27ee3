import type { ClusterSnapshot } from "../cluster-snapshot.ts";
import type { Expectations } from "../expectation.ts";
import { type ClusterRules, DEFAULT_RULES, judgeCluster, type Observation, type Verdict } from "../judge-cluster.ts";
import { parseKubectlList } from "../parse-kubectl.ts";
import { planExpectations } from "../plan-expectations.ts";
import {
  type ApiObject,
  renderCondition,
  renderContainerStatus,
  renderKubectlList,
  renderReadyCluster,
  selectObject,
} from "./render-cluster.ts";

/** What a k3s server with its default configuration on one node has to show. */
export const EXPECTATIONS: Expectations = planExpectations({
  config: { files: [], args: ["server"], manifests: [] },
  nodeNames: ["guest"],
});
export const RULES: ClusterRules = { ...DEFAULT_RULES, expectations: EXPECTATIONS };

/** Spoils or adds something in a test's cluster. */
export type Change = (objects: ApiObject[]) => void;

export function snapshotOf(...changes: Change[]): ClusterSnapshot {
  const objects = renderReadyCluster();
  for (const change of changes) change(objects);
  return parseKubectlList(renderKubectlList(objects));
}

/** The verdict on a history in which each change is seen two seconds after the one before, long after the last. */
export function judge(...looks: Change[][]): Verdict {
  const history: Observation[] = looks.map((changes, index) => ({ atMs: index * 2000, snapshot: snapshotOf(...changes) }));
  return judgeCluster({ rules: RULES, history, nowMs: (looks.length - 1) * 2000 + RULES.stabilityMs });
}

/** Leaves the cluster as it is. */
export const nothing: Change = () => undefined;

export function spoil(kind: string, name: string, change: (object: ApiObject) => void): Change {
  return (objects) => change(selectObject(objects, kind, name));
}

export function drop(kind: string, name: string): Change {
  return (objects) => {
    objects.splice(objects.indexOf(selectObject(objects, kind, name)), 1);
  };
}

export function setCondition(kind: string, name: string, ...args: Parameters<typeof renderCondition>): Change {
  return spoil(kind, name, (object) => {
    const conditions = object.status["conditions"] as { type: string }[];
    object.status["conditions"] = [...conditions.filter((condition) => condition.type !== args[0]), renderCondition(...args)];
  });
}

export function setWaiting(pod: string, reason: string, message: string, more: object = {}): Change {
  return spoil("Pod", pod, (object) => {
    object.status["containerStatuses"] = [
      { ...renderContainerStatus("main"), ready: false, state: { waiting: { reason, message } }, ...more },
    ];
    object.status["conditions"] = [
      renderCondition("PodScheduled", "True"),
      renderCondition("Ready", "False", "ContainersNotReady"),
    ];
  });
}

export function setRestarts(pod: string, restarts: number): Change {
  return spoil("Pod", pod, (object) => {
    object.status["containerStatuses"] = [renderContainerStatus("main", restarts)];
  });
}

/** Events about a pod of kube-system, in the order given. */
export function addEvents(pod: string, events: readonly object[]): Change {
  return (objects) => {
    for (const [index, event] of events.entries()) {
      const metadata = { name: `e${index}`, uid: `e${index}`, namespace: "kube-system" };
      const involvedObject = { kind: "Pod", uid: `pod-${pod}` };
      objects.push({ kind: "Event", metadata, spec: {}, status: {}, ...event, involvedObject });
    }
  };
}

/** What a verdict says is in the way, in one text. */
export function wordsOf(verdict: Verdict): string {
  if (verdict.outcome === "failed")
    return verdict.problems.map((problem) => `${problem.code} ${problem.subject} ${problem.message}`).join("\n");
  if (verdict.outcome !== "waiting") return "";
  return verdict.blockers.map((blocker) => `${blocker.subject} ${blocker.reason} ${blocker.message}`).join("\n");
}
