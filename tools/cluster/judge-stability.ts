import type { ClusterSnapshot, Condition, PodState } from "./cluster-snapshot.ts";
import type { Expectations } from "./expectation.ts";
import { selectCondition } from "./judge-pod.ts";

/** Something that happened between two snapshots although both look Ready. */
export interface Disturbance {
  readonly subject: string;
  readonly reason: "Restarted" | "Deleted" | "Appeared" | "Flipped" | "Changed";
  readonly message: string;
}

/** A static pod's mirror gets a new uid whenever its kubelet re-registers it; the pod itself is the same while its hash is. */
function identityOf(pod: PodState): string {
  return pod.mirrorHash === undefined ? pod.uid : `${pod.namespace}/${pod.name}/${pod.mirrorHash}`;
}

function flipped(before: readonly Condition[], after: readonly Condition[], type: string): boolean {
  const [was, is] = [selectCondition(before, type), selectCondition(after, type)];
  return was !== undefined && is !== undefined && was.lastTransitionTime !== is.lastTransitionTime;
}

function comparePod(before: PodState, after: PodState): readonly Disturbance[] {
  const subject = `pod ${after.namespace}/${after.name}`;
  if (after.terminating) return before.terminating ? [] : [{ subject, reason: "Deleted", message: "the pod is being deleted" }];
  const found: Disturbance[] = [];
  for (const container of after.containers) {
    const was = before.containers.find((other) => other.name === container.name && other.init === container.init);
    if (was === undefined || container.init) continue;
    const started = was.startedAt !== "" && container.startedAt !== "" && was.startedAt !== container.startedAt;
    if (container.restartCount > was.restartCount || started) {
      const count = `${was.restartCount} to ${container.restartCount} restarts`;
      found.push({ subject, reason: "Restarted", message: `container ${container.name} was restarted (${count})` });
    }
  }
  // A mirror pod made anew carries fresh transition times though nothing happened to the pod.
  if (before.uid === after.uid && flipped(before.conditions, after.conditions, "Ready")) {
    found.push({ subject, reason: "Flipped", message: "condition Ready left True and came back" });
  }
  return found;
}

/**
 * What disturbed the cluster between two snapshots, so that a stability window that spans both has to start anew: restarts, deletions, new
 * pods, conditions that left True and came back unseen, changed workloads. Looks at the strict namespaces, the namespaces of expected
 * workloads and all nodes. Times are only compared for equality, so the guest's clock may be wrong.
 */
export function judgeStability(expected: Expectations, before: ClusterSnapshot, after: ClusterSnapshot): readonly Disturbance[] {
  const namespaces = new Set([...expected.strictNamespaces, ...expected.workloads.map((workload) => workload.namespace)]);
  const found: Disturbance[] = [];

  const nodesBefore = new Map(before.nodes.map((node) => [node.name, node]));
  for (const node of after.nodes) {
    const was = nodesBefore.get(node.name);
    nodesBefore.delete(node.name);
    const subject = `node ${node.name}`;
    if (was === undefined) found.push({ subject, reason: "Appeared", message: "a node joined" });
    else if (was.uid !== node.uid) found.push({ subject, reason: "Changed", message: "the node was registered anew" });
    else if (flipped(was.conditions, node.conditions, "Ready")) {
      found.push({ subject, reason: "Flipped", message: "condition Ready left True and came back" });
    }
  }
  for (const name of nodesBefore.keys()) found.push({ subject: `node ${name}`, reason: "Deleted", message: "the node is gone" });

  const podsBefore = new Map(before.pods.filter((pod) => namespaces.has(pod.namespace)).map((pod) => [identityOf(pod), pod]));
  for (const pod of after.pods) {
    if (!namespaces.has(pod.namespace)) continue;
    const was = podsBefore.get(identityOf(pod));
    podsBefore.delete(identityOf(pod));
    if (was !== undefined) found.push(...comparePod(was, pod));
    else if (!pod.terminating && pod.owner?.kind !== "Job") {
      found.push({ subject: `pod ${pod.namespace}/${pod.name}`, reason: "Appeared", message: "a new pod appeared" });
    }
  }
  for (const pod of podsBefore.values()) {
    const finished = pod.terminating || pod.phase === "Succeeded" || pod.phase === "Failed" || pod.owner?.kind === "Job";
    if (!finished) found.push({ subject: `pod ${pod.namespace}/${pod.name}`, reason: "Deleted", message: "the pod is gone" });
  }

  const workloadsBefore = new Map(before.workloads.map((workload) => [workload.uid, workload]));
  for (const workload of after.workloads) {
    const was = workloadsBefore.get(workload.uid);
    if (!namespaces.has(workload.namespace) || was === undefined || was.generation === workload.generation) continue;
    const subject = `${workload.kind.toLowerCase()} ${workload.namespace}/${workload.name}`;
    found.push({ subject, reason: "Changed", message: "its specification changed" });
  }
  return found;
}
