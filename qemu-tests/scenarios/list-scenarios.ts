import type { Scenario } from "../../tools/scenario/scenario.ts";
import { clock } from "./clock.ts";
import { dataPartition } from "./data-partition.ts";
import { datastoreEtcd, datastorePostgres } from "./datastore.ts";
import { etcdCluster } from "./etcd-cluster.ts";
import { firstJoin } from "./first-join.ts";
import { firstStart, firstStartBtrfs, firstStartZfs } from "./first-start.ts";
import { join, joinHostGw } from "./join.ts";
import { network, networkLegacy } from "./network.ts";
import { offline } from "./offline.ts";
import { powerCut, powerCutMany } from "./power-cut.ts";
import { security } from "./security.ts";
import { shutdown } from "./shutdown.ts";
import { small, smallAgent } from "./small.ts";
import { snapshotterUnprepared } from "./snapshotter-unprepared.ts";
import {
  snapshotterBtrfs,
  snapshotterFuseOverlayfs,
  snapshotterNative,
  snapshotterOverlayfs,
  snapshotterZfs,
} from "./snapshotters.ts";
import { upgrade } from "./upgrade.ts";

/** What `npm test` runs, half an hour on two idle cores; the rest comes with `npm run test:all`. */
export const CI_SCENARIOS: readonly Scenario[] = [security, network, offline, snapshotterBtrfs, powerCut, join];

/** Those about parts of k3s that the stand-in does not have (etcd, a containerd that flushes, passwords of nodes): `--k3s FILE`, and META_K3S_K3S=FILE in the tests. */
export const REAL_K3S_SCENARIOS: readonly Scenario[] = [firstStart, firstStartBtrfs, firstStartZfs, firstJoin, etcdCluster];

/** Every scenario, in the order in which `npm run test:all` runs them: the quickest first. */
export const SCENARIOS: readonly Scenario[] = [
  snapshotterUnprepared,
  security,
  offline,
  network,
  networkLegacy,
  snapshotterBtrfs,
  snapshotterOverlayfs,
  snapshotterNative,
  dataPartition,
  snapshotterFuseOverlayfs,
  snapshotterZfs,
  clock,
  small,
  smallAgent,
  upgrade,
  shutdown,
  join,
  joinHostGw,
  datastorePostgres,
  datastoreEtcd,
  powerCut,
  powerCutMany,
  ...REAL_K3S_SCENARIOS,
];
