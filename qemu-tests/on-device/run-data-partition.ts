import type { Device, DeviceShell } from "./open-device.ts";
import type { Told } from "./parse-told.ts";

/** Where k3s keeps its state, which is where the partition is mounted. */
export const STATE = "/var/lib/rancher";
/** The script as it is installed on the tests' device, but for the snapshotter's name at its end. */
export const SCRIPT = "/usr/libexec/k3s/prepare-data-partition";
export const DONE = { status: 0, text: "" };

export type Snapshotter = "overlayfs" | "btrfs" | "zfs";
export type Seen = Readonly<Record<string, Told>>;

interface Kind {
  /** Size of a disk: mkfs.btrfs makes no smaller one. */
  readonly diskMib: number;
  /** What is mounted in the end, and the partition's name, as `place` tells them. */
  readonly place: readonly string[];
}

const SNAPSHOTS = `${STATE}/k3s/agent/containerd/io.containerd.snapshotter.v1`;

/** What there is after a boot, by snapshotter. The datasets that stand in for those of ZFS are in memory. */
export const KINDS: Readonly<Record<Snapshotter, Kind>> = {
  overlayfs: { diskMib: 16, place: [`ext4 ${STATE}`, "k3s-data"] },
  btrfs: { diskMib: 128, place: [`btrfs ${STATE}`, `btrfs ${SNAPSHOTS}.btrfs`, "k3s-data"] },
  zfs: { diskMib: 4, place: [`tmpfs ${STATE}`, `tmpfs ${SNAPSHOTS}.zfs`, "k3s"] },
};

export function lines(told: Told | undefined): readonly string[] {
  return (told?.text ?? "").split("\n").filter((line) => line !== "");
}

/** What the script said and how it ended, without what mkfs.btrfs 6.2 says even when it is asked to be quiet. */
export function ended(told: Told | undefined): Told | undefined {
  const note = /^NOTE: several default settings have changed[^]*?free-space-tree\)\n?/u;
  return told && { ...told, text: told.text.replace(note, "").trim() };
}

/** Runs a test's script with the functions of data-partition.sh, after the image's files were put where an image has them. */
export function runWithImage(on: Device, shell: DeviceShell, script: string): Promise<Seen> {
  return on.run(shell, `. /device/data-partition.sh\nimage\n${script}`);
}
