import type { ClusterSnapshot, ContainerState } from "./cluster-snapshot.ts";
import type { Blocker, Expectations } from "./expectation.ts";
import { isCurrentPod } from "./judge-pod.ts";
import type { GuestHealth } from "./parse-guest-health.ts";

/** A start of the watched machine. `id`: the kernel's own (random(4), boot_id), which kubelet reports as its node's bootID. */
export interface GuestBoot {
  readonly id: string;
  /** By the machine's clock, milliseconds since 1970; no later than it was, whichever way the clock was set since. */
  readonly startedAtMs: number;
}

/** Both times are cut to whole seconds, and a clock that is slewed moves a little. */
const SLACK_MS = 5000;

/**
 * Takes a sample of the machine into account. A clock that is set forward makes all before look older than the boot; its earliest reading does
 * not, so that a container is never taken for another boot's because of the clock.
 */
export function noteBoot(before: GuestBoot | undefined, sample: GuestHealth): GuestBoot | undefined {
  if (sample.bootId === undefined || sample.clockMs === undefined) return before;
  const startedAtMs = sample.clockMs - sample.uptimeMs;
  if (before?.id !== sample.bootId) return { id: sample.bootId, startedAtMs };
  return startedAtMs < before.startedAtMs ? { ...before, startedAtMs } : before;
}

function isOlder(container: ContainerState, boot: GuestBoot): boolean {
  return container.state === "running" && Date.parse(container.startedAt) < boot.startedAtMs - SLACK_MS;
}

/**
 * What the API server says of the watched machine from before its last start: no container outlives the kernel, yet the stored state of its pods
 * is Ready until its kubelet has looked. `boot` undefined: nothing is known of it, and nothing judged.
 */
export function judgeBoot(expected: Expectations, snapshot: ClusterSnapshot, boot: GuestBoot | undefined): readonly Blocker[] {
  if (boot === undefined) return [];
  const [only, ...others] = snapshot.nodes;
  // With several nodes it is not known which is the machine's until one reports this boot.
  if (expected.nodeCount === 1 && only !== undefined && others.length === 0 && only.bootId !== "" && only.bootId !== boot.id) {
    const message = "its kubelet has not reported since the machine started: what is stored of it is from before";
    return [{ subject: `node ${only.name}`, reason: "OtherBoot", message, kind: "other" }];
  }
  const here = new Set(snapshot.nodes.filter((node) => node.bootId === boot.id).map((node) => node.name));
  const strict = new Set(expected.strictNamespaces);
  return snapshot.pods
    .filter((pod) => here.has(pod.nodeName) && strict.has(pod.namespace) && isCurrentPod(pod, snapshot))
    .flatMap((pod) => {
      const old = pod.containers.find((container) => isOlder(container, boot));
      if (old === undefined) return [];
      const started = new Date(boot.startedAtMs).toISOString().replace(/\.\d+Z$/u, "Z");
      const message = `container ${old.name}: what is stored of it is from before the machine started (${old.startedAt}, ${started})`;
      return [{ subject: `pod ${pod.namespace}/${pod.name}`, reason: "OtherBoot", message, kind: "other" as const }];
    });
}
