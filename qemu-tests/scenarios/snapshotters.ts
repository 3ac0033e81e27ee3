import { must } from "../../tools/scenario/check-error.ts";
import type { Defect, Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { PARTITION_DISK, planDataDevice, PREPARE, runBeforeK3s } from "./data-device.ts";
import { apply, deletePod, inPod, IMAGES_FOLDER, podReady, renderShellPod } from "./guest-questions.ts";
import { KINDS, PARTITION, type SnapshotterKind } from "./snapshotter-kinds.ts";

const HOLD = "/run/meta-k3s-lab/hold-datasets";
/** Snapshots of everything, each of which keeps what is deleted after it. */
const HOLD_SCRIPT = `#!/bin/sh
while sleep 5; do zfs snapshot -r "k3s@held-$(date +%s)"; done
`;

async function readUsed(guest: Guest, kind: SnapshotterKind): Promise<number> {
  return Number(await guest.sh(kind.used));
}

async function countLayers(guest: Guest, kind: SnapshotterKind): Promise<number> {
  const listing = await guest.sh(kind.list);
  return listing === "" ? 0 : listing.split("\n").length;
}

async function checkUsed(lab: Lab, guest: Guest, kind: SnapshotterKind): Promise<void> {
  await lab.check(`containerd has the snapshotter ${kind.name}, and it works`, async () => {
    const plugins = await guest.sh(`k3s ctr plugins ls | grep snapshotter | awk '$2 == "${kind.name}" { print $NF }'`);
    must(plugins !== "", `containerd has no snapshotter ${kind.name}`);
    must(plugins === "ok", `containerd says of it: ${plugins}`);
  });
  await lab.check(`a container's root is ${kind.rootType}`, async () => {
    await apply(guest, renderShellPod("looker"));
    await podReady(lab, guest, "looker");
    const type = await inPod(guest, "looker", "awk '$2 == \"/\" { print $3 }' /proc/mounts | tail -n 1");
    must(type === kind.rootType, `its root is of type ${type}`);
  });
  await lab.check("the layers are on the data disk, in the file system's own list", async () => {
    const devices = await guest.sh(kind.devices);
    must(devices === PARTITION, `they are on ${devices}`);
    const layers = await countLayers(guest, kind);
    must(layers > 0, "the list is empty");
  });
}

/** An image of its own, so that its deletion can be seen: a container that writes 64 MiB, and goes. */
async function checkFreed(lab: Lab, guest: Guest, kind: SnapshotterKind): Promise<void> {
  await lab.check("deletion frees space", async () => {
    const before = { used: await readUsed(guest, kind), layers: await countLayers(guest, kind) };
    await apply(guest, renderShellPod("filler", { script: "dd if=/dev/urandom of=/fill bs=1M count=64 && sync && sleep 1000000" }));
    await podReady(lab, guest, "filler");
    await lab.until(
      async () => {
        const used = await readUsed(guest, kind);
        return used > before.used + 60 * 1024 * 1024 ? undefined : `only ${used - before.used} bytes more are used`;
      },
      { timeoutMs: 120_000 },
    );
    await deletePod(lab, guest, "filler");
    await lab.until(
      async () => {
        const [used, layers] = [await readUsed(guest, kind), await countLayers(guest, kind)];
        const freed = used < before.used + 16 * 1024 * 1024 && layers <= before.layers;
        return freed
          ? undefined
          : `${used - before.used} bytes more than before are used, ${layers} layers instead of ${before.layers}`;
      },
      { timeoutMs: 180_000 },
    );
  });
}

/** What is the user's stays, from the end of k3s to the end of all that it kept. */
async function checkLeftAlone(lab: Lab, guest: Guest, kind: SnapshotterKind): Promise<void> {
  await guest.sh(kind.makeOwn);
  const own = await guest.sh(kind.showOwn);
  const mustStay = async (): Promise<void> => {
    const now = await guest.sh(kind.showOwn);
    must(now === own, `it was "${own}" and is "${now}"`);
  };
  await lab.check("k3s-killall.sh leaves what is the user's alone, and the images", async () => {
    await guest.sh("k3s-killall.sh", { timeoutMs: 300_000 });
    await mustStay();
    const archives = await guest.sh(`ls ${IMAGES_FOLDER}`);
    must(archives.includes("coredns"), `the image archives are: ${archives}`);
  });
  await lab.check("k3s-uninstall.sh deletes the layers and leaves what is the user's alone", async () => {
    await guest.sh("k3s-uninstall.sh", { timeoutMs: 300_000 });
    await mustStay();
    const layers = await guest.sh(`{ ${kind.list}; } 2>/dev/null || true`);
    must(layers === "", `left are the layers ${layers}`);
  });
}

function planDefects(kind: SnapshotterKind): readonly Defect[] {
  const { missing } = kind;
  const other: Defect = {
    name: "other-snapshotter",
    about: "k3s is configured for another snapshotter than the disk",
    machine: () => ({
      handOver: {
        files: [{ path: "/etc/rancher/k3s/config.yaml.d/70-wrong.yaml", mode: "0600", content: `snapshotter: ${kind.other}\n` }],
      },
    }),
    fails: kind.beside
      ? { check: /containerd has the snapshotter/u, words: /has no snapshotter/u }
      : { check: /a container's root is/u, words: /type/u },
  };
  if (missing === undefined) return [other];
  return [
    other,
    {
      name: "missing",
      about: missing.what,
      machine: () => ({ handOver: { credentials: runBeforeK3s([missing.script, PARTITION_DISK, PREPARE]) } }),
      fails: { check: /is Ready/u, words: missing.words },
    },
  ];
}

/** One on a disk that nobody prepared: the same machine without the script. */
const UNPREPARED: Defect = {
  name: "unprepared",
  about: "nobody has prepared the disk",
  machine: () => ({ handOver: { credentials: runBeforeK3s([PARTITION_DISK]) } }),
  fails: {
    check: /is Ready/u,
    words: /does not start: snapshotter '.*must be on (?:zfs|btrfs) before k3s starts, but is on ext4/u,
  },
};

function defineSnapshotter(kind: SnapshotterKind, defects: readonly Defect[] = []): Scenario {
  return {
    name: `snapshotter-${kind.name}`,
    about: `images and containers live in ${kind.name} on a data disk that the layer's own script prepared`,
    minutes: 12,
    needs: kind.needs,
    defects: [...planDefects(kind), ...defects],
    run: async (lab) => {
      const guest = await lab.boot("device", await planDataDevice(kind));
      await guest.ready(`the server is Ready on ${kind.name}`);
      await checkUsed(lab, guest, kind);
      await checkFreed(lab, guest, kind);
      await checkLeftAlone(lab, guest, kind);
    },
  };
}

/** A file system whose layers are subvolumes of its own. */
export const snapshotterBtrfs = defineSnapshotter(KINDS.btrfs, [UNPREPARED]);
/** k3s's default. */
export const snapshotterOverlayfs = defineSnapshotter(KINDS.overlayfs);
/** Copies, for file systems that can nothing. */
export const snapshotterNative = defineSnapshotter(KINDS.native);
/** Overlays without the kernel's. */
export const snapshotterFuseOverlayfs = defineSnapshotter(KINDS.fuseOverlayfs);
/** A file system whose layers are datasets of its own. */
export const snapshotterZfs = defineSnapshotter(KINDS.zfs, [
  UNPREPARED,
  {
    name: "held",
    about: "something keeps snapshots of all that is in the pool",
    machine: () => ({
      handOver: {
        files: [{ path: HOLD, mode: "0755", content: HOLD_SCRIPT }],
        credentials: runBeforeK3s([
          PARTITION_DISK,
          PREPARE,
          `systemctl --quiet is-active lab-hold || systemd-run --unit=lab-hold ${HOLD}`,
        ]),
      },
    }),
    fails: { check: /deletion frees space/u, words: /bytes more than before are used/u },
  },
]);
