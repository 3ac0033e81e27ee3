/**
 * The part of the Kubernetes API's objects that the judge looks at, with absent fields filled in. Names and meaning follow the API
 * reference (core/v1, apps/v1, batch/v1); times stay the guest's own RFC 3339 strings and are only ever compared with each other.
 */

/** A condition as the API gives it. `status` is "True", "False" or "Unknown"; anything but "True" is not True. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** The controller that an object belongs to (metadata.ownerReferences with controller: true). */
export interface Owner {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface NodeState {
  readonly uid: string;
  readonly name: string;
  readonly createdAt: string;
  readonly terminating: boolean;
  readonly unschedulable: boolean;
  readonly conditions: readonly Condition[];
  readonly kubeletVersion: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly containerRuntime: string;
  /** The kernel's id of the boot that its kubelet reported from (status.nodeInfo.bootID); "" before the first report. */
  readonly bootId: string;
}

/** A node's lease (coordination.k8s.io/v1, namespace kube-node-lease), which its kubelet renews every ten seconds. */
export interface LeaseState {
  readonly uid: string;
  /** The node's name. */
  readonly name: string;
  /** When the kubelet renewed it last, by the node's clock. */
  readonly renewedAt: string;
}

/** How a container ended. `exitCode` 137 with reason OOMKilled is the memory limit's doing. */
export interface Termination {
  readonly reason: string;
  readonly exitCode: number;
  readonly message: string;
  readonly finishedAt: string;
}

export interface ContainerState {
  readonly name: string;
  readonly image: string;
  readonly init: boolean;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: "waiting" | "running" | "terminated" | "unknown";
  /** Of the waiting or terminated state: ContainerCreating, ImagePullBackOff, CrashLoopBackOff, Error … */
  readonly reason: string;
  readonly message: string;
  /** When the running container started. */
  readonly startedAt: string;
  readonly exitCode: number | undefined;
  readonly lastTermination: Termination | undefined;
}

export interface PodState {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner: Owner | undefined;
  /** deletionTimestamp is set: the pod is on its way out and counts for nothing. */
  readonly terminating: boolean;
  /** Hash of the static pod that this object mirrors (annotation kubernetes.io/config.mirror); undefined for ordinary pods. */
  readonly mirrorHash: string | undefined;
  readonly nodeName: string;
  readonly phase: string;
  readonly conditions: readonly Condition[];
  readonly containers: readonly ContainerState[];
  /** status.reason and status.message: Evicted, NodeLost … */
  readonly reason: string;
  readonly message: string;
}

export interface WorkloadState {
  readonly kind: "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet";
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly owner: Owner | undefined;
  readonly terminating: boolean;
  readonly generation: number;
  readonly observedGeneration: number;
  /** Replicas asked for; for a DaemonSet the number of nodes it should run on. */
  readonly desired: number;
  /** Replicas of the present template. */
  readonly updated: number;
  readonly ready: number;
  readonly available: number;
  readonly conditions: readonly Condition[];
  readonly matchLabels: Readonly<Record<string, string>>;
}

export interface JobState {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly terminating: boolean;
  readonly active: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly conditions: readonly Condition[];
}

/** An Event of type Warning or Normal about some object; the API's own account of why things are as they are. */
export interface ClusterEvent {
  readonly uid: string;
  readonly namespace: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly aboutKind: string;
  readonly aboutName: string;
  readonly aboutUid: string;
  readonly lastSeen: string;
}

/** Everything seen of a cluster at one moment. */
export interface ClusterSnapshot {
  readonly nodes: readonly NodeState[];
  readonly pods: readonly PodState[];
  readonly workloads: readonly WorkloadState[];
  readonly jobs: readonly JobState[];
  /** Of nodes. Empty where only a list of the judged kinds was read. */
  readonly leases: readonly LeaseState[];
  readonly events: readonly ClusterEvent[];
}
