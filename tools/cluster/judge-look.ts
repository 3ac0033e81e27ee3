import type { ClusterSnapshot, JobState, NodeState, PodState, WorkloadState } from "./cluster-snapshot.ts";
import type { Blocker, Expectations, WorkloadExpectation } from "./expectation.ts";
import { isCurrentPod, isTrue, judgePod, selectCondition } from "./judge-pod.ts";

const PRESSURES = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"] as const;

/** The name under which an expectation appears in messages and reports: "deployment kube-system/coredns". */
export function formatWorkload(expected: Pick<WorkloadExpectation, "kind" | "namespace" | "name">): string {
  return `${expected.kind.toLowerCase()} ${expected.namespace}/${expected.name}`;
}

function matchesName(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/**
 * The pods that belong to a workload by ownership (a Deployment's through its ReplicaSets), current ones only.
 */
export function selectPodsOf(workload: WorkloadState, snapshot: ClusterSnapshot): readonly PodState[] {
  const owners = new Set([workload.uid]);
  for (const other of snapshot.workloads) if (other.owner?.uid === workload.uid) owners.add(other.uid);
  return snapshot.pods.filter((pod) => pod.owner !== undefined && owners.has(pod.owner.uid) && isCurrentPod(pod, snapshot));
}

/** What is wrong with one node; a pressure condition counts unless it is plainly False. */
export function judgeNode(node: NodeState): readonly Blocker[] {
  const subject = `node ${node.name}`;
  if (node.terminating) return [{ subject, reason: "Terminating", message: "the node is being deleted", kind: "other" }];
  const blockers: Blocker[] = [];
  const ready = selectCondition(node.conditions, "Ready");
  if (ready === undefined) {
    blockers.push({ subject, reason: "NoReadyCondition", message: "its kubelet has not reported yet", kind: "other" });
  } else if (ready.status !== "True") {
    const status = ready.status === "False" ? "" : `condition Ready is ${ready.status}: `;
    blockers.push({ subject, reason: ready.reason || "NotReady", message: `${status}${ready.message}`, kind: "other" });
  }
  for (const type of PRESSURES) {
    const pressure = selectCondition(node.conditions, type);
    if (pressure === undefined || pressure.status === "False") continue;
    // Unknown comes with Ready=Unknown when the kubelet stops reporting and says nothing by itself.
    if (pressure.status !== "True" && ready?.status !== "True") continue;
    const kind = type === "DiskPressure" && pressure.status === "True" ? "disk-pressure" : "other";
    blockers.push({ subject, reason: type, message: `condition ${type} is ${pressure.status}: ${pressure.message}`, kind });
  }
  return blockers;
}

function judgeNodes(expected: Expectations, nodes: readonly NodeState[]): readonly Blocker[] {
  const blockers = nodes.flatMap(judgeNode);
  const present = new Set(nodes.map((node) => node.name));
  for (const name of expected.nodeNames) {
    if (present.has(name)) continue;
    blockers.push({
      subject: `node ${name}`,
      reason: "NotFound",
      message: "it has not registered with the API server",
      kind: "absent",
    });
  }
  if (nodes.length !== expected.nodeCount) {
    const names = nodes.map((node) => node.name).join(", ") || "none";
    const message = `${nodes.length} of ${expected.nodeCount} nodes are there (${names})`;
    blockers.push({ subject: "nodes", reason: "WrongNodeCount", message, kind: "absent" });
  }
  return blockers;
}

/** What is wrong with one Job. Completed is done, Failed is final, anything else is under way. */
export function judgeJob(job: JobState, subject: string): Blocker | undefined {
  if (isTrue(job.conditions, "Complete") && !job.terminating) return undefined;
  const failed = selectCondition(job.conditions, "Failed");
  if (failed?.status === "True") {
    return { subject, reason: failed.reason || "Failed", message: failed.message || "the job failed", kind: "job-failed" };
  }
  if (job.terminating) return { subject, reason: "Terminating", message: "the job is being deleted", kind: "other" };
  return { subject, reason: "NotComplete", message: `${job.active} pods active, ${job.failed} failed`, kind: "other" };
}

/** What is wrong with one workload; the reason is its least healthy pod's where there is one. */
export function judgeWorkload(workload: WorkloadState, subject: string, snapshot: ClusterSnapshot): Blocker | undefined {
  if (workload.terminating) return { subject, reason: "Terminating", message: "it is being deleted", kind: "other" };
  if (workload.observedGeneration < workload.generation) {
    return { subject, reason: "NotObserved", message: "its controller has not seen the present specification yet", kind: "other" };
  }
  if (workload.desired < 1) return { subject, reason: "NoReplicas", message: "it asks for no pod at all", kind: "other" };

  const pods = selectPodsOf(workload, snapshot);
  const troubles = pods.flatMap((pod) => judgePod(pod, snapshot) ?? []);
  const trouble = troubles.find((blocker) => blocker.kind !== "other") ?? troubles[0];
  if (trouble !== undefined) return { ...trouble, subject, message: `${trouble.subject}: ${trouble.message}` };

  const readyPods = pods.filter((pod) => pod.phase === "Running").length;
  const { desired, updated, ready, available } = workload;
  if (readyPods < desired || updated < desired || ready < desired || available < desired) {
    const reason = pods.length === 0 ? "NoPods" : "NotAvailable";
    const message = `${desired} wanted, ${updated} updated, ${ready} ready, ${available} available, ${readyPods} ready pods seen`;
    return { subject, reason, message, kind: "other" };
  }
  if (workload.kind !== "Deployment") return undefined;
  const conditionsWanted = selectCondition(workload.conditions, "Available");
  if (conditionsWanted?.status === "True") return undefined;
  const message = conditionsWanted?.message ?? "it has no condition Available";
  return { subject, reason: conditionsWanted?.reason || "NotAvailable", message, kind: "other" };
}

function judgeExpected(expected: WorkloadExpectation, snapshot: ClusterSnapshot): readonly Blocker[] {
  const subject = formatWorkload(expected);
  const fits = (object: { namespace: string; name: string }): boolean =>
    object.namespace === expected.namespace && matchesName(expected.name, object.name);
  const blockers =
    expected.kind === "Job"
      ? snapshot.jobs.filter(fits).map((job) => judgeJob(job, subject))
      : snapshot.workloads
          .filter((workload) => workload.kind === expected.kind && fits(workload))
          .map((workload) => judgeWorkload(workload, subject, snapshot));
  if (blockers.length === 0) {
    return [{ subject, reason: "NotFound", message: `it is not there; ${expected.because}`, kind: "absent" }];
  }
  return blockers.flatMap((blocker) => blocker ?? []);
}

/** Pods and jobs of the strict namespaces that no expectation names. A Job's pods are judged through the Job. */
function judgeUnexpected(expected: Expectations, snapshot: ClusterSnapshot): readonly Blocker[] {
  const strict = new Set(expected.strictNamespaces);
  const named = (kind: string, namespace: string, name: string): boolean =>
    expected.workloads.some((want) => want.kind === kind && want.namespace === namespace && matchesName(want.name, name));
  const claimed = new Set(
    snapshot.workloads
      .filter((workload) => named(workload.kind, workload.namespace, workload.name))
      .flatMap((workload) => selectPodsOf(workload, snapshot).map((pod) => pod.uid)),
  );
  const pods = snapshot.pods
    .filter((pod) => strict.has(pod.namespace) && isCurrentPod(pod, snapshot) && pod.owner?.kind !== "Job" && !claimed.has(pod.uid))
    .flatMap((pod) => judgePod(pod, snapshot) ?? []);
  const jobs = snapshot.jobs
    .filter((job) => strict.has(job.namespace) && !job.terminating && !named("Job", job.namespace, job.name))
    .flatMap((job) => judgeJob(job, `job ${job.namespace}/${job.name}`) ?? []);
  return [...pods, ...jobs];
}

/** Everything that keeps the cluster from being Ready in this one snapshot; empty when all holds. */
export function judgeLook(expected: Expectations, snapshot: ClusterSnapshot): readonly Blocker[] {
  return [
    ...judgeNodes(expected, snapshot.nodes),
    ...expected.workloads.flatMap((want) => judgeExpected(want, snapshot)),
    ...judgeUnexpected(expected, snapshot),
  ];
}
