import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import type { Blocker, Expectations, Problem } from "./expectation.ts";
import { type GuestBoot, judgeBoot } from "./judge-boot.ts";
import { type Heartbeats, judgeHeartbeats, noteHeartbeats } from "./judge-heartbeat.ts";
import { judgeLook } from "./judge-look.ts";
import { type Disturbance, judgeStability } from "./judge-stability.ts";

/** How strictly and how patiently a cluster is judged. All times in milliseconds. */
export interface ClusterRules {
  readonly expectations: Expectations;
  /** How long everything has to hold, undisturbed, before the cluster counts as Ready. */
  readonly stabilityMs: number;
  /** How long an image may fail to be pulled for want of a route, a registry or the image itself. */
  readonly imageUnreachableMs: number;
  /** The same for any other reason (a registry that answers with an error may recover). */
  readonly imagePullMs: number;
  /** How long a container may fail to be created, a CNI plugin be missing, a pod to be scheduled for want of memory or CPU, a disk to be nearly full. */
  readonly stuckMs: number;
  /** So many restarts of a container that keeps crashing are no longer start-up trouble, once it waits as long for the next as only they explain. */
  readonly crashRestarts: number;
  /** Longer than kubelet lets a container wait after its third crash since kubelet's own start (10 s, twice as long each time). */
  readonly crashBackOffMs: number;
}

export const DEFAULT_RULES: Omit<ClusterRules, "expectations"> = {
  stabilityMs: 10_000,
  imageUnreachableMs: 30_000,
  imagePullMs: 120_000,
  stuckMs: 60_000,
  crashRestarts: 4,
  crashBackOffMs: 60_000,
};

/**
 * One look at the cluster. `atMs` is the host's steady clock (any origin); without a snapshot the cluster could not be seen, and `problem`
 * says why.
 */
export interface Observation {
  readonly atMs: number;
  readonly snapshot: ClusterSnapshot | undefined;
  readonly problem?: Blocker;
  /** The last start of the machine whose connection the snapshot came over, where it is known. */
  readonly boot?: GuestBoot | undefined;
}

/** A blocker and since when it has been seen without a break. */
export interface StandingBlocker extends Blocker {
  readonly sinceMs: number;
}

/** What the judge has to remember between looks. */
export interface Judgement {
  readonly snapshot: ClusterSnapshot | undefined;
  readonly blockers: readonly StandingBlocker[];
  /** Since when everything has held undisturbed; undefined while something does not. */
  readonly holdsSinceMs: number | undefined;
  /** What last made the stability window start anew. */
  readonly disturbance: Disturbance | undefined;
  /** Undefined until the cluster is seen, and again when it is no longer. */
  readonly heartbeats: Heartbeats | undefined;
}

/** `stabilising`: all holds, the window is running. `failed`: waiting on is pointless. */
export type Verdict =
  | { readonly outcome: "waiting"; readonly blockers: readonly StandingBlocker[] }
  | { readonly outcome: "stabilising"; readonly sinceMs: number; readonly disturbance: Disturbance | undefined }
  | { readonly outcome: "ready"; readonly sinceMs: number; readonly stableForMs: number }
  | { readonly outcome: "failed"; readonly problems: readonly Problem[]; readonly blockers: readonly StandingBlocker[] };

/** Before anything was seen. */
export const NOTHING_SEEN: Judgement = {
  snapshot: undefined,
  blockers: [],
  holdsSinceMs: undefined,
  disturbance: undefined,
  heartbeats: undefined,
};

/** Two blockers are the same obstacle when their subject and kind agree: ErrImagePull and ImagePullBackOff take turns. */
export function formatBlockerKey(blocker: Blocker): string {
  const { kind } = blocker;
  return `${blocker.subject}\n${kind === "other" || kind === "absent" || kind === "api" ? blocker.reason : kind}`;
}

/** An obstacle that was there in the look before keeps its age. */
function standSince(blocker: Blocker, before: readonly StandingBlocker[], atMs: number): StandingBlocker {
  const same = before.find((other) => formatBlockerKey(other) === formatBlockerKey(blocker));
  return { ...blocker, sinceMs: same?.sinceMs ?? atMs };
}

/** Takes one observation into account. */
export function judgeObservation(before: Judgement, seen: Observation, expectations: Expectations): Judgement {
  const { atMs, snapshot } = seen;
  if (snapshot === undefined) {
    const problem = seen.problem ?? { subject: "api", reason: "NotSeen", message: "nothing was seen", kind: "api" };
    return { ...before, blockers: [standSince(problem, before.blockers, atMs)], holdsSinceMs: undefined, heartbeats: undefined };
  }
  const heartbeats = noteHeartbeats(before.heartbeats, snapshot.leases, atMs);
  const seenBlockers = [
    ...judgeLook(expectations, snapshot),
    ...judgeHeartbeats(snapshot, heartbeats, atMs),
    ...judgeBoot(expectations, snapshot, seen.boot),
  ];
  const blockers = seenBlockers.map((blocker) => standSince(blocker, before.blockers, atMs));
  if (blockers.length > 0) return { ...before, snapshot, blockers, holdsSinceMs: undefined, heartbeats };
  const disturbance = before.snapshot === undefined ? undefined : judgeStability(expectations, before.snapshot, snapshot)[0];
  const undisturbed = before.holdsSinceMs !== undefined && disturbance === undefined;
  return {
    snapshot,
    blockers: [],
    holdsSinceMs: undisturbed ? before.holdsSinceMs : atMs,
    disturbance: before.holdsSinceMs === undefined ? undefined : (disturbance ?? before.disturbance),
    heartbeats,
  };
}

const UNREACHABLE =
  /no such host|network is unreachable|no route to host|i\/o timeout|connection refused|server misbehaving|not found|does not exist|pull access denied|Temporary failure in name resolution|not present with pull policy/i;

function judgeBlocker(blocker: StandingBlocker, nowMs: number, rules: ClusterRules): Problem | undefined {
  const { subject, reason } = blocker;
  const ageMs = nowMs - blocker.sinceMs;
  const problem = (code: string, hint: string): Problem => ({ code, subject, message: `${reason}: ${blocker.message}`, hint });
  switch (blocker.kind) {
    case "image-name":
      return problem("IMAGE_NAME", "correct the image's name in the manifest");
    case "image-never":
      if (ageMs < rules.imageUnreachableMs) return undefined;
      return problem("IMAGE_MISSING", "put the image into /var/lib/rancher/k3s/agent/images: the pod forbids pulling it");
    case "image-pull": {
      const unreachable = UNREACHABLE.test(blocker.message);
      if (ageMs < (unreachable ? rules.imageUnreachableMs : rules.imagePullMs)) return undefined;
      return problem(
        "IMAGE_PULL",
        "the image is neither in the airgap set (/var/lib/rancher/k3s/agent/images) nor can it be pulled: add it there, or give the machine a network",
      );
    }
    case "crash-loop": {
      // The count alone is no sign: a device's containers were restarted once at each of its boots.
      if ((blocker.restarts ?? 0) < rules.crashRestarts || ageMs < rules.crashBackOffMs) return undefined;
      return problem("POD_CRASH_LOOPING", "look at the container's last words: kubectl logs --previous");
    }
    case "create-container":
      if (ageMs < rules.stuckMs) return undefined;
      return problem("CONTAINER_CREATE", "look at the pod's events (kubectl describe pod) and at containerd's log");
    case "cni-plugin":
      if (ageMs < rules.stuckMs) return undefined;
      return problem(
        "CNI_PLUGIN_MISSING",
        "k3s brings the plugins that it configures: is its data folder damaged, or containerd's bin_dir another folder?",
      );
    case "unschedulable":
      if (ageMs < rules.stuckMs) return undefined;
      return problem(
        "UNSCHEDULABLE",
        "give the machine more memory or CPUs (2048 MiB and 2 CPUs are the least for a server), or lower the requests",
      );
    case "disk-pressure":
      if (ageMs < rules.stuckMs) return undefined;
      return problem("DISK_PRESSURE", "give the machine a bigger disk: kubelet evicts pods below 5 % free");
    case "job-failed":
      return problem("JOB_FAILED", "look at the job's log: kubectl logs job/NAME");
    case "absent":
    case "api":
    case "other":
      return undefined;
  }
}

/** What the judgement amounts to at a moment: the window may end, or an obstacle grow too old, without anything new being seen. */
export function judgeNow(judgement: Judgement, nowMs: number, rules: ClusterRules): Verdict {
  const { blockers, holdsSinceMs } = judgement;
  if (holdsSinceMs !== undefined) {
    const stableForMs = nowMs - holdsSinceMs;
    if (stableForMs >= rules.stabilityMs) return { outcome: "ready", sinceMs: holdsSinceMs, stableForMs };
    return { outcome: "stabilising", sinceMs: holdsSinceMs, disturbance: judgement.disturbance };
  }
  const problems = blockers.flatMap((blocker) => judgeBlocker(blocker, nowMs, rules) ?? []);
  if (problems.length > 0) return { outcome: "failed", problems, blockers };
  return { outcome: "waiting", blockers };
}

/**
 * The verdict on a whole history of observations, oldest first. Ready only when everything expected held in every observation of the last
 * `stabilityMs` and nothing was restarted, deleted or flipped within them.
 */
export function judgeCluster(input: { rules: ClusterRules; history: readonly Observation[]; nowMs: number }): Verdict {
  let judgement = NOTHING_SEEN;
  for (const seen of input.history) judgement = judgeObservation(judgement, seen, input.rules.expectations);
  return judgeNow(judgement, input.nowMs, input.rules);
}
