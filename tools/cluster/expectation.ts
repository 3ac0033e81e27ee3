/** A workload that has to be there and Ready. */
export interface WorkloadExpectation {
  readonly kind: "Deployment" | "DaemonSet" | "StatefulSet" | "Job";
  readonly namespace: string;
  /** A trailing `*` stands for any ending (k3s ends the names of svclb DaemonSets with eight digits of the service's uid). */
  readonly name: string;
  /** Why it is expected, for people: "k3s deploys it unless `disable: coredns` is set". */
  readonly because: string;
}

/** What has to hold for a cluster to be Ready. */
export interface Expectations {
  /** Exactly this many nodes, every one Ready. */
  readonly nodeCount: number;
  /** Names that must be among them; may be fewer than `nodeCount` when not all names are known. */
  readonly nodeNames: readonly string[];
  readonly workloads: readonly WorkloadExpectation[];
  /** Namespaces in which every pod has to be healthy, expected or not. */
  readonly strictNamespaces: readonly string[];
}

/** One thing that is not as it has to be. */
export interface Blocker {
  /** "node guest", "deployment kube-system/coredns", "pod kube-system/x", "api". */
  readonly subject: string;
  /** CamelCase word of the API where it gives one: ImagePullBackOff, KubeletNotReady, NotFound. */
  readonly reason: string;
  readonly message: string;
  /** What kind of obstacle it is; decides whether and when waiting on is pointless. */
  readonly kind: BlockerKind;
  /** How often the container was restarted, where that is the obstacle. */
  readonly restarts?: number;
}

export type BlockerKind =
  | "absent"
  | "image-pull"
  | "image-name"
  | "image-never"
  | "crash-loop"
  | "create-container"
  | "cni-plugin"
  | "unschedulable"
  | "disk-pressure"
  | "job-failed"
  | "api"
  | "other";

/** What failed for good and what to do. */
export interface Problem {
  /** Stable, for scripts and tests: POD_CRASH_LOOPING, IMAGE_PULL, OOM_KILL. */
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly hint: string | null;
}
