import type { Defect, Guest, GuestOptions, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { giveConfig, idleScript, plantBeforeK3s } from "../harness/plant-fault.ts";
import { PARTITION_DISK, planDataDevice, PREPARE, runBeforeK3s } from "./data-device.ts";
import { SLIM } from "./guest-questions.ts";
import { KINDS, LAYERS } from "./snapshotter-kinds.ts";

/**
 * With "writeback" what the guest did not flush is lost with QEMU. k3s tries whether it can use overlayfs by mounting one (containerd:
 * plugins/snapshots/overlay/overlayutils), whose end flushes the file system below it seconds after the keys were made; with no other snapshotter
 * does anything.
 */
const CACHE = "writeback";
const NATIVE: GuestOptions = { keepDisks: true, diskCache: CACHE, handOver: giveConfig(`${SLIM}snapshotter: native\n`) };
const KEYS_MS = 300_000;
const FIRST_CONTAINER_MS = 600_000;
const READY_MS = 600_000;

/**
 * Until the server has made its keys, and ext4 has written down that their files are there, as it does every five seconds ("commit"); what is in them
 * follows after half a minute.
 */
async function waitKeys(lab: Lab, guest: Guest): Promise<void> {
  await lab.until(
    async () => {
      const { status } = await guest.shell.run("test -s /var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt");
      return status === 0 ? undefined : "there are no keys yet";
    },
    { timeoutMs: KEYS_MS, everyMs: 1000 },
  );
  await guest.sh("sleep 8");
}

/** Until the first container of an image runs: its layers have just been unpacked, and the kernel writes back at its leisure. */
async function waitFirstContainer(lab: Lab, guest: Guest): Promise<void> {
  await lab.until(
    async () => {
      // Asked of the runtime: the API server hears of it later, and is not there yet at first.
      const { stdout } = await guest.shell.run("k3s crictl ps -q 2>/dev/null", { timeoutMs: 60_000 });
      if (stdout.trim() !== "") return undefined;
      return `no container runs yet; k3s: ${await guest.sh("journalctl -b -u k3s -o cat | grep level=fatal | tail -n 1")}`;
    },
    { timeoutMs: FIRST_CONTAINER_MS, everyMs: 2000 },
  );
}

const KEPT_EMPTY: Defect = {
  name: "kept-empty",
  about: "nothing takes away the keys that the power left empty",
  machine: () => ({ handOver: idleScript("discard-empty-state") }),
  fails: { check: /starts again/u, words: /k3s: .*level=fatal/u },
};
const UNFLUSHED_LAYERS: Defect = {
  name: "unflushed-layers",
  about: "containerd does not flush the layers that it unpacks",
  machine: () => ({
    handOver: plantBeforeK3s("sed -i 's/sync_fs = true/sync_fs = false/' /usr/share/k3s/containerd.toml"),
  }),
  fails: { check: /Ready by itself/u, words: /coredns.*exit code 128 \(StartError\)/u },
};

const LOSE = "/run/meta-k3s-lab/lose-layers";
/** What a file system would lose that has not written down what containerd unpacked; btrfs and ZFS do so with each layer's own snapshot. */
function loseLayers(script: string): Defect {
  return {
    name: "lost-layers",
    about: "the layers that were unpacked are gone after the power was",
    machine: () => ({
      handOver: {
        files: [{ path: LOSE, mode: "0755", content: `#!/bin/sh\n${script}\nexit 0\n` }],
        credentials: runBeforeK3s([PARTITION_DISK, PREPARE, LOSE]),
      },
    }),
    fails: { check: /Ready by itself/u, words: /coredns.*FailedCreatePodSandBox/u },
  };
}

/** The moments at which most is unwritten, and at which devices are switched off: on the bench, at their very first start. */
function defineFirstStart(
  device: () => Promise<GuestOptions>,
  scenario: Pick<Scenario, "name" | "needs" | "defects"> & { readonly on: string },
): Scenario {
  const { on, ...own } = scenario;
  return {
    ...own,
    about: `a device whose power is cut when its first keys are made, and when its first container starts, comes up by itself, on ${on}`,
    minutes: 12,
    run: async (lab) => {
      const options = await device();
      const first = await lab.boot("device", options);
      await lab.check("k3s has made its keys", async () => waitKeys(lab, first));
      await first.machine.cutPower();
      const second = await lab.boot("device", options);
      await lab.check("k3s starts again, and its first container runs", async () => waitFirstContainer(lab, second));
      await second.machine.cutPower();
      const again = await lab.boot("device", options);
      await again.ready("the server is Ready by itself", { timeoutMs: READY_MS });
    },
  };
}

/** ext4, with copies for layers. */
export const firstStart = defineFirstStart(async () => NATIVE, {
  name: "first-start",
  on: "ext4",
  defects: [KEPT_EMPTY, UNFLUSHED_LAYERS],
});
export const firstStartBtrfs = defineFirstStart(async () => planDataDevice(KINDS.btrfs, CACHE), {
  name: "first-start-btrfs",
  on: "btrfs",
  defects: [loseLayers(`for layer in ${LAYERS}.btrfs/snapshots/*; do btrfs subvolume delete "$layer"; done`)],
});
export const firstStartZfs = defineFirstStart(async () => planDataDevice(KINDS.zfs, CACHE), {
  name: "first-start-zfs",
  on: "ZFS",
  needs: KINDS.zfs.needs,
  // A layer is a clone of another one's snapshot; "-R" takes the clones along.
  defects: [
    loseLayers('zfs list -H -o name -r -d 1 k3s/snapshots | sed 1d | while read -r layer; do zfs destroy -R "$layer"; done'),
  ],
});
