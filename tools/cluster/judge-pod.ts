import type { ClusterEvent, ClusterSnapshot, Condition, ContainerState, PodState, WorkloadState } from "./cluster-snapshot.ts";
import type { Blocker, BlockerKind } from "./expectation.ts";

const CREATE_ERRORS = new Set(["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError"]);
const CONTROLLERS = new Set(["ReplicaSet", "DaemonSet", "StatefulSet", "Job"]);

/** The condition of that type, or undefined. */
export function selectCondition(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** True only for status "True": neither "False", "Unknown" nor an absent condition is. */
export function isTrue(conditions: readonly Condition[], type: string): boolean {
  return selectCondition(conditions, type)?.status === "True";
}

/** A pod that stands for itself: neither on its way out nor already replaced by its controller. */
export function isCurrentPod(pod: PodState, snapshot: ClusterSnapshot): boolean {
  if (pod.terminating) return false;
  // A controller never restarts a Failed pod; it makes another and leaves this one (evicted, say) to be collected.
  if (pod.phase === "Failed" && pod.owner !== undefined && CONTROLLERS.has(pod.owner.kind)) return false;
  return !ofReplacedReplicaSet(pod, snapshot.workloads);
}

function ofReplacedReplicaSet(pod: PodState, workloads: readonly WorkloadState[]): boolean {
  if (pod.owner?.kind !== "ReplicaSet") return false;
  const owner = workloads.find((workload) => workload.uid === pod.owner?.uid);
  return owner !== undefined && (owner.terminating || owner.desired === 0);
}

function describeTermination(container: ContainerState): string {
  const last = container.lastTermination;
  if (last === undefined) return "";
  const detail = last.message.trim() === "" ? "" : `: ${last.message.trim().slice(-300)}`;
  return `last run ended with exit code ${last.exitCode} (${last.reason || "no reason given"})${detail}`;
}

function waitingKind(reason: string): BlockerKind {
  if (reason === "ErrImageNeverPull") return "image-never";
  if (reason === "InvalidImageName") return "image-name";
  if (
    reason === "ErrImagePull" ||
    reason === "ImagePullBackOff" ||
    reason === "ImageInspectError" ||
    reason === "RegistryUnavailable"
  ) {
    return "image-pull";
  }
  if (reason === "CrashLoopBackOff") return "crash-loop";
  return CREATE_ERRORS.has(reason) ? "create-container" : "other";
}

/** Without a sandbox no container of the pod can run, so that what became of the last ones tells nothing (pkg/kubelet/events: FailedCreatePodSandBox). */
const NO_SANDBOX = "FailedCreatePodSandBox";
/** The words of containernetworking/cni (pkg/invoke/find.go) for a program of the network's configuration that is in none of containerd's folders. */
const NO_PLUGIN = /failed to find plugin "[^"]*" in path/;
/** Kubelet says so after each sandbox that failed, in place of why it failed (pkg/kubelet/events: SandboxChanged). */
const SAYS_NOTHING = "SandboxChanged";

/** The last Event about an object: while a container is made the Events alone say what goes on, or why it does not. */
function lastEvent(uid: string, events: readonly ClusterEvent[]): ClusterEvent | undefined {
  let latest: ClusterEvent | undefined;
  for (const event of events) {
    if (event.aboutUid !== uid || event.reason === SAYS_NOTHING) continue;
    if (latest === undefined || event.lastSeen >= latest.lastSeen) latest = event;
  }
  return latest;
}

function eventKind(event: ClusterEvent): BlockerKind {
  return event.reason === NO_SANDBOX && NO_PLUGIN.test(event.message) ? "cni-plugin" : "other";
}

/** What is wrong with one container, most telling first; undefined when nothing is. */
function judgeContainer(container: ContainerState): Omit<Blocker, "subject"> | undefined {
  const where = `container ${container.name}`;
  if (container.state === "waiting" && container.reason !== "ContainerCreating" && container.reason !== "PodInitializing") {
    const kind = waitingKind(container.reason);
    const parts = [container.message, kind === "crash-loop" ? describeTermination(container) : ""];
    if (kind === "crash-loop") parts.push(`${container.restartCount} restarts`);
    if (kind.startsWith("image")) parts.push(`image ${container.image}`);
    const message = `${where}: ${parts.filter((part) => part !== "").join("; ")}`;
    return { reason: container.reason || "Waiting", message, kind, restarts: container.restartCount };
  }
  if (container.state === "terminated" && !(container.init && container.exitCode === 0)) {
    const detail = container.message.trim() === "" ? "" : `: ${container.message.trim().slice(-300)}`;
    return {
      reason: container.reason || "Terminated",
      message: `${where}: ended with exit code ${container.exitCode ?? "unknown"}${detail}; ${container.restartCount} restarts`,
      kind: "other",
    };
  }
  return undefined;
}

/**
 * What keeps a pod from being Ready, or undefined when it is: condition Ready with status True, phase Running, every container ready; or
 * phase Succeeded. The caller leaves out pods that are not current (`isCurrentPod`).
 */
export function judgePod(pod: PodState, snapshot: Pick<ClusterSnapshot, "events">): Blocker | undefined {
  if (pod.phase === "Succeeded") return undefined;
  const subject = `pod ${pod.namespace}/${pod.name}`;
  if (pod.phase === "Failed") {
    return {
      subject,
      reason: pod.reason || "Failed",
      message: pod.message || "the pod failed and nothing replaces it",
      kind: "other",
    };
  }
  const troubled = pod.containers.map(judgeContainer).find((trouble) => trouble !== undefined);
  if (troubled !== undefined) {
    const event = lastEvent(pod.uid, snapshot.events);
    const newer = event?.reason === NO_SANDBOX ? { reason: event.reason, message: event.message, kind: eventKind(event) } : {};
    return { subject, ...troubled, ...newer };
  }

  const scheduled = selectCondition(pod.conditions, "PodScheduled");
  if (scheduled !== undefined && scheduled.status !== "True") {
    const kind = /Insufficient (cpu|memory|ephemeral-storage)/.test(scheduled.message) ? "unschedulable" : "other";
    return { subject, reason: scheduled.reason || "Unscheduled", message: scheduled.message || "not scheduled yet", kind };
  }
  const ready = selectCondition(pod.conditions, "Ready");
  const unready = pod.containers.filter((container) => !container.init && !container.ready);
  if (ready?.status === "True" && pod.phase === "Running" && unready.length === 0 && pod.containers.length > 0) return undefined;

  const event = lastEvent(pod.uid, snapshot.events);
  if (event?.type === "Warning") return { subject, reason: event.reason, message: event.message, kind: eventKind(event) };
  const creating = pod.containers.find((container) => container.state === "waiting");
  if (creating !== undefined) {
    const message = creating.message || (event === undefined ? "" : `${event.reason}: ${event.message}`);
    return { subject, reason: creating.reason || "Waiting", message, kind: "other" };
  }
  if (ready === undefined)
    return { subject, reason: "NoReadyCondition", message: `phase ${pod.phase || "unknown"}`, kind: "other" };
  const status = ready.status === "False" ? "" : `condition Ready is ${ready.status}; `;
  const names = unready.map((container) => container.name).join(", ");
  const message = `${status}${ready.message || (names === "" ? `phase ${pod.phase}` : `not ready: ${names}`)}`;
  return { subject, reason: ready.reason || "NotReady", message, kind: "other" };
}
