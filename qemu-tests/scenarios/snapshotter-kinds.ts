import type { ImageFeature } from "../../tools/scenario/image-feature.ts";

/** The data disk, and the partition on it that the layer's script is given. */
export const DISK = "/dev/vdb";
export const PARTITION = `${DISK}1`;
/** Where that is mounted. */
export const STATE = "/var/lib/rancher";
/** containerd's folder for the layers of a snapshotter, up to its name. */
export const LAYERS = `${STATE}/k3s/agent/containerd/io.containerd.snapshotter.v1`;

/** A snapshotter and what it is, seen from outside of k3s. Commands are shell, for root on the device. */
export interface SnapshotterKind {
  readonly name: string;
  /** File system of a container's root, as /proc/mounts calls it. */
  readonly rootType: string;
  /** Another snapshotter that works on the same disk and gives containers another root. */
  readonly other: string;
  /** Whether it is a program beside containerd, which k3s starts for this snapshotter alone: containerd has it only where it was asked for. */
  readonly beside: boolean;
  /** Lists its layers in the file system's own words, one a line. */
  readonly list: string;
  /** Prints the block devices that the layers are on. */
  readonly devices: string;
  /** Prints the bytes in use where the layers are, after everything was flushed. */
  readonly used: string;
  /** Makes things of the user's own beside k3s's. */
  readonly makeOwn: string;
  /** Prints them, and the mounts that the user made: what has to stay the same. */
  readonly showOwn: string;
  /** Takes away what it does not work without, and the words in which it is missed. */
  readonly missing: { readonly what: string; readonly script: string; readonly words: RegExp } | undefined;
  readonly needs: readonly ImageFeature[];
}

type Common = "beside" | "devices" | "used" | "makeOwn" | "showOwn" | "missing" | "needs";

function onOneMount(kind: Omit<SnapshotterKind, Common> & Partial<SnapshotterKind>): SnapshotterKind {
  return {
    devices: `findmnt -no SOURCE -T ${LAYERS}.${kind.name} | sed 's/\\[.*//'`,
    used: `sync; df -B1 --output=used ${STATE} | tail -n 1`,
    makeOwn: `echo mine >${STATE}/mine`,
    showOwn: `cat ${STATE}/mine; findmnt -rno SOURCE,FSTYPE,TARGET ${STATE}`,
    beside: false,
    missing: undefined,
    needs: [],
    ...kind,
  };
}

const removeModule = (folder: string): string => `rm -rf /usr/lib/modules/*/${folder}`;

/** The snapshotters that the layer's K3S_SNAPSHOTTER knows. */
export const KINDS = {
  overlayfs: onOneMount({
    name: "overlayfs",
    rootType: "overlay",
    other: "native",
    list: `ls ${LAYERS}.overlayfs/snapshots`,
  }),
  native: onOneMount({ name: "native", rootType: "ext4", other: "overlayfs", list: `ls ${LAYERS}.native/snapshots` }),
  btrfs: onOneMount({
    name: "btrfs",
    rootType: "btrfs",
    other: "overlayfs",
    list: `btrfs subvolume list -o ${LAYERS}.btrfs`,
    showOwn: `cat ${STATE}/mine; findmnt -rno SOURCE,FSTYPE,TARGET ${STATE}; findmnt -rno SOURCE,FSTYPE,TARGET ${LAYERS}.btrfs`,
    missing: {
      what: "the kernel has no btrfs",
      script: removeModule("kernel/fs/btrfs"),
      words: /the kernel has no btrfs, neither/u,
    },
  }),
  fuseOverlayfs: onOneMount({
    name: "fuse-overlayfs",
    rootType: "fuse.fuse-overlayfs",
    other: "native",
    beside: true,
    list: `ls ${LAYERS}.fuse-overlayfs/snapshots`,
    missing: {
      what: "fuse-overlayfs is not installed",
      script: "rm -f /usr/bin/fuse-overlayfs /usr/libexec/k3s/fuse-overlayfs",
      words: /needs the program fuse-overlayfs/u,
    },
    needs: ["fuse-overlayfs"],
  }),
  zfs: {
    name: "zfs",
    rootType: "zfs",
    other: "overlayfs",
    beside: false,
    // A layer is a dataset whose name is a number.
    list: "zfs list -H -o name -r k3s/snapshots | sed -n '/^k3s\\/snapshots\\/[0-9]*$/p'",
    devices: "zpool list -vHPL k3s | awk '$1 ~ \"^/dev/\" { print $1 }'",
    used: "zpool sync k3s; zfs get -Hpo value used k3s",
    makeOwn:
      `echo mine >${STATE}/mine && zfs create -o mountpoint=/srv/mine k3s/mine && echo mine >/srv/mine/file && ` +
      "zfs create k3s/snapshots/mine && zfs snapshot k3s/mine@kept",
    showOwn:
      `cat ${STATE}/mine /srv/mine/file; zfs list -H -o name,mountpoint -t filesystem,snapshot -r k3s | grep -v '^k3s/snapshots/[0-9]'; ` +
      `findmnt -rno SOURCE,FSTYPE,TARGET ${STATE}; findmnt -rno SOURCE,FSTYPE,TARGET ${LAYERS}.zfs; findmnt -rno SOURCE,FSTYPE,TARGET /srv/mine`,
    missing: {
      what: "the kernel has no ZFS",
      script: `modprobe -r zfs; ${removeModule("updates/dkms")}`,
      words: /the kernel has no zfs, neither/u,
    },
    needs: ["zfs"],
  },
} as const satisfies Readonly<Record<string, SnapshotterKind>>;
