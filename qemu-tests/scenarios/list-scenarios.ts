import type { Scenario } from "../../tools/scenario/scenario.ts";
import { clock } from "./clock.ts";
import { dataPartition } from "./data-partition.ts";
import { datastoreEtcd, datastorePostgres } from "./datastore.ts";
import { join, joinHostGw } from "./join.ts";
import { network, networkLegacy } from "./network.ts";
import { offline } from "./offline.ts";
import { powerCut, powerCutMany } from "./power-cut.ts";
import { security } from "./security.ts";
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

/** What `npm test` runs; each of the rest takes several machines or boots, and comes with `npm run test:all`. */
export const CI_SCENARIOS: readonly Scenario[] = [security, network];

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
  join,
  joinHostGw,
  datastorePostgres,
  datastoreEtcd,
  powerCut,
  powerCutMany,
];
