import type { GuestHandOver } from "../../tools/machine/machine.ts";
import type { DiskCache } from "../../tools/machine/machine-spec.ts";
import type { GuestOptions } from "../../tools/scenario/scenario.ts";
import { readPrepareScript } from "../harness/read-data-partition.ts";
import { SLIM } from "./guest-questions.ts";
import { DISK, PARTITION, type SnapshotterKind } from "./snapshotter-kinds.ts";

export const PREPARE = "/run/meta-k3s-lab/prepare-data-partition";
export const PARTITION_DISK = "/run/meta-k3s-lab/partition-disk";
const DISK_MIB = 4096;

/** A product's disk comes partitioned; ZFS would put a table of its own on a whole one. */
const PARTITION_SCRIPT = `#!/bin/sh
[ -b ${PARTITION} ] || printf 'n\\np\\n1\\n\\n\\nw\\n' | busybox fdisk ${DISK} >/dev/null
`;

/**
 * What k3s's unit does before all else, in the place of k3s-data-partition.service, which an image has only where it was asked for:
 * ExecCondition= comes before the unit's own ExecStartPre=, and 255 is how it fails (systemd.service(5)).
 */
export function runBeforeK3s(commands: readonly string[]): GuestHandOver["credentials"] {
  const lines = commands.map((command) => `ExecCondition=+/bin/sh -c '${command} || exit 255'\n`);
  return [{ name: "systemd.unit-dropin.k3s.service", content: `[Service]\n${lines.join("")}` }];
}

/** A device whose state is on a data disk that the layer's own script has prepared for this snapshotter, and that is k3s's. */
export async function planDataDevice(kind: SnapshotterKind, cache: DiskCache = "unsafe"): Promise<GuestOptions> {
  return {
    keepDisks: true,
    dataDisks: [{ blankMib: DISK_MIB, cache }],
    handOver: {
      files: [
        { path: PARTITION_DISK, mode: "0755", content: PARTITION_SCRIPT },
        { path: PREPARE, mode: "0755", content: await readPrepareScript({ partition: PARTITION, snapshotter: kind.name }) },
        { path: "/etc/rancher/k3s/config.yaml.d/60-lab.yaml", mode: "0600", content: `${SLIM}snapshotter: ${kind.name}\n` },
      ],
      credentials: runBeforeK3s([PARTITION_DISK, PREPARE]),
    },
  };
}
