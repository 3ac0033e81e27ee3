import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, GuestOptions, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { readPrepareScript } from "../harness/read-data-partition.ts";
import { apply, inPod, IMAGES_FOLDER, kubectl, podReady, renderShellPod, SLIM } from "./guest-questions.ts";

const PREPARE = "/run/meta-k3s-lab/prepare-data-partition";
const DISK = "/dev/vdb";
const DISK_MIB = 4096;

/** What a snapshotter is, seen from outside of k3s. */
interface Kind {
  readonly name: string;
  /** File system of a container's root, as /proc/mounts calls it. */
  readonly rootType: string;
  /** Kernel module that it needs beyond the root filesystem's. */
  readonly module: string | undefined;
  /** Shell command that lists its layers in the file system's own words, one a line. */
  readonly list: string;
}

const FOLDER = "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1";
const KINDS = {
  overlayfs: { name: "overlayfs", rootType: "overlay", module: "overlay", list: `ls ${FOLDER}.overlayfs/snapshots` },
  native: { name: "native", rootType: "ext4", module: undefined, list: `ls ${FOLDER}.native/snapshots` },
  btrfs: { name: "btrfs", rootType: "btrfs", module: "btrfs", list: `btrfs subvolume list -o ${FOLDER}.btrfs` },
} as const satisfies Readonly<Record<string, Kind>>;

async function planDevice(kind: Kind): Promise<GuestOptions> {
  return {
    keepDisks: true,
    dataDisks: [{ blankMib: DISK_MIB, cache: "unsafe" }],
    handOver: {
      files: [
        { path: PREPARE, mode: "0755", content: await readPrepareScript({ partition: DISK, snapshotter: kind.name }) },
        { path: "/etc/rancher/k3s/config.yaml.d/60-lab.yaml", mode: "0600", content: `${SLIM}snapshotter: ${kind.name}\n` },
      ],
      credentials: [{ name: "systemd.unit-dropin.k3s.service", content: `[Service]\nExecStartPre=+${PREPARE}\n` }],
    },
  };
}

/** Bytes that are used on the data disk's file system, after everything was flushed. */
async function readUsed(guest: Guest): Promise<number> {
  return Number(await guest.sh("sync; df -B1 --output=used /var/lib/rancher | tail -n 1"));
}

async function countLayers(guest: Guest, kind: Kind): Promise<number> {
  const listing = await guest.sh(kind.list);
  return listing === "" ? 0 : listing.split("\n").length;
}

async function checkUsed(lab: Lab, guest: Guest, kind: Kind): Promise<void> {
  await lab.check(`containerd has the snapshotter ${kind.name}, and it works`, async () => {
    const plugins = await guest.sh(`k3s ctr plugins ls | grep snapshotter | awk '$2 == "${kind.name}" { print $NF }'`);
    must(plugins === "ok", `containerd says of it: "${plugins}"`);
  });
  await lab.check(`a container's root is ${kind.rootType}`, async () => {
    await apply(guest, renderShellPod("looker"));
    await podReady(guest, "looker");
    const type = await inPod(guest, "looker", "awk '$2 == \"/\" { print $3 }' /proc/mounts | tail -n 1");
    must(type === kind.rootType, `its root is of type ${type}`);
  });
  await lab.check("the layers are on the data disk, in the file system's own list", async () => {
    const source = await guest.sh(`findmnt -no SOURCE -T ${FOLDER}.${kind.name}`);
    must(source.startsWith(DISK), `they are on ${source}`);
    const layers = await countLayers(guest, kind);
    must(layers > 0, "the list is empty");
  });
}

/** An image of its own, so that its deletion can be seen: a container that writes 64 MiB, and goes. */
async function checkFreed(lab: Lab, guest: Guest, kind: Kind): Promise<void> {
  await lab.check("deletion frees space", async () => {
    const before = { used: await readUsed(guest), layers: await countLayers(guest, kind) };
    await apply(guest, renderShellPod("filler", { script: "dd if=/dev/urandom of=/fill bs=1M count=64 && sync && sleep 1000000" }));
    await podReady(guest, "filler");
    await lab.until(
      async () => {
        const used = await readUsed(guest);
        return used > before.used + 60 * 1024 * 1024 ? undefined : `only ${used - before.used} bytes more are used`;
      },
      { timeoutMs: 120_000 },
    );
    await kubectl(guest, "delete pod filler --timeout=120s");
    await lab.until(
      async () => {
        const [used, layers] = [await readUsed(guest), await countLayers(guest, kind)];
        const freed = used < before.used + 16 * 1024 * 1024 && layers <= before.layers;
        return freed
          ? undefined
          : `${used - before.used} bytes more than before are used, ${layers} layers instead of ${before.layers}`;
      },
      { timeoutMs: 180_000 },
    );
  });
}

function defineSnapshotter(kind: Kind): Scenario {
  const wrong = kind.module === undefined ? "true" : `rm -rf /usr/lib/modules/*/kernel/fs/${kind.module}`;
  return {
    name: `snapshotter-${kind.name}`,
    about: `images and containers live in ${kind.name} on a data disk that the layer's own unit prepared`,
    minutes: 12,
    defects: [
      {
        name: "other-snapshotter",
        about: "k3s is configured for another snapshotter than the disk",
        machine: () => ({
          handOver: {
            files: [
              {
                path: "/etc/rancher/k3s/config.yaml.d/70-wrong.yaml",
                mode: "0600",
                content: `snapshotter: ${kind.name === "native" ? "overlayfs" : "native"}\n`,
              },
            ],
          },
        }),
        fails: { check: /a container's root is/u, words: /type/u },
      },
      ...(kind.module === "btrfs"
        ? [
            {
              name: "no-module",
              about: "the kernel has no btrfs",
              machine: () => ({
                handOver: {
                  credentials: [
                    {
                      name: "systemd.unit-dropin.k3s.service",
                      content: `[Service]\nExecStartPre=+/bin/sh -c '${wrong}'\nExecStartPre=+${PREPARE}\n`,
                    },
                  ],
                },
              }),
              fails: { check: /is Ready/u, words: /btrfs/u },
            },
          ]
        : []),
    ],
    run: async (lab) => {
      const guest = await lab.boot("device", await planDevice(kind));
      await guest.ready(`the server is Ready on ${kind.name}`);
      await checkUsed(lab, guest, kind);
      await checkFreed(lab, guest, kind);
      await lab.check("k3s-killall.sh leaves the data disk mounted, with what is on it", async () => {
        await guest.sh("echo mine >/var/lib/rancher/mine && k3s-killall.sh", { timeoutMs: 300_000 });
        const source = await guest.sh("findmnt -no SOURCE /var/lib/rancher");
        must(source.startsWith(DISK), `at /var/lib/rancher is ${source}`);
        const archives = await guest.sh(`ls ${IMAGES_FOLDER}`);
        must(archives.includes("coredns"), `the image archives are: ${archives}`);
      });
      await lab.check("k3s-uninstall.sh leaves the user's file and mount alone", async () => {
        await guest.sh("k3s-uninstall.sh", { timeoutMs: 300_000 });
        const mine = await guest.sh("cat /var/lib/rancher/mine && findmnt -no SOURCE /var/lib/rancher");
        must(/^mine\s+\/dev\/vdb/u.test(mine), `left is: ${mine}`);
      });
    },
  };
}

/** A file system whose layers are subvolumes of its own. */
export const snapshotterBtrfs = defineSnapshotter(KINDS.btrfs);
/** k3s's default. */
export const snapshotterOverlayfs = defineSnapshotter(KINDS.overlayfs);
/** Copies, for file systems that can nothing. */
export const snapshotterNative = defineSnapshotter(KINDS.native);
