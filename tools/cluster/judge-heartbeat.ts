import type { ClusterSnapshot, LeaseState } from "./cluster-snapshot.ts";
import type { Blocker } from "./expectation.ts";

/** What is known of a kubelet's life. `seenMs`: when a renewal of its lease was seen to happen, by the host's steady clock; undefined before the first. */
export interface Heartbeat {
  readonly renewedAt: string;
  readonly seenMs: number | undefined;
}

/** By the node's name. */
export type Heartbeats = ReadonlyMap<string, Heartbeat>;

/**
 * A kubelet renews its lease every 10 s, and the node controller takes a node for lost after 50 s without (kube-controller-manager,
 * --node-monitor-grace-period); a little more, so that the controller's own words come first.
 */
const SILENCE_MS = 60_000;

/**
 * Takes the leases of one look into account. Without a look before (`before` undefined: nothing was watched yet, or the connection was lost) what
 * they say may be from before a reboot; a lease that changes or appears after that is a kubelet at work.
 */
export function noteHeartbeats(before: Heartbeats | undefined, leases: readonly LeaseState[], atMs: number): Heartbeats {
  return new Map(
    leases.map(({ name, renewedAt }) => {
      const known = before?.get(name);
      if (known?.renewedAt === renewedAt) return [name, known];
      return [name, { renewedAt, seenMs: before === undefined ? undefined : atMs }];
    }),
  );
}

/** Nodes whose stored state nobody vouches for: after a restart the API server serves what was true before it. A node without a lease is not judged. */
export function judgeHeartbeats(snapshot: ClusterSnapshot, heartbeats: Heartbeats, atMs: number): readonly Blocker[] {
  return snapshot.nodes.flatMap(({ name }) => {
    const heartbeat = heartbeats.get(name);
    if (heartbeat === undefined) return [];
    const silentMs = heartbeat.seenMs === undefined ? undefined : atMs - heartbeat.seenMs;
    if (silentMs !== undefined && silentMs <= SILENCE_MS) return [];
    const message =
      silentMs === undefined
        ? "its kubelet has not renewed its lease since the API server came up: what is stored of it may be from before"
        : `its kubelet has not renewed its lease for ${Math.round(silentMs / 1000)} s`;
    return [{ subject: `node ${name}`, reason: "NoHeartbeat", message, kind: "other" as const }];
  });
}
