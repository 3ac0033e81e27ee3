import type { Guest, GuestOptions, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { giveConfig, plantBeforeK3s } from "../harness/plant-fault.ts";
import { SLIM } from "./guest-questions.ts";

/**
 * With "writeback" what the guest did not flush is lost with QEMU. k3s tries whether it can use overlayfs by mounting one (containerd:
 * plugins/snapshots/overlay/overlayutils), whose end flushes the file system below it seconds after the keys were made; no other snapshotter does.
 */
const DEVICE: GuestOptions = {
  keepDisks: true,
  diskCache: "writeback",
  handOver: giveConfig(`${SLIM}snapshotter: native\n`),
};
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

/** The moments at which most is unwritten, and at which devices are switched off: on the bench, at their very first start. */
export const firstStart: Scenario = {
  name: "first-start",
  about: "a device whose power is cut when its first keys are made, and when its first container starts, comes up by itself",
  minutes: 12,
  defects: [
    {
      name: "kept-empty",
      about: "nothing takes away the keys that the power left empty",
      machine: () => ({
        handOver: { files: [{ path: "/usr/libexec/k3s/discard-empty-state", mode: "0755", content: "#!/bin/sh\n" }] },
      }),
      fails: { check: /starts again/u, words: /k3s: .*level=fatal/u },
    },
    {
      name: "unflushed-layers",
      about: "containerd does not flush the layers that it unpacks",
      machine: () => ({
        handOver: plantBeforeK3s("sed -i 's/sync_fs = true/sync_fs = false/' /usr/share/k3s/containerd.toml"),
      }),
      fails: { check: /Ready by itself/u, words: /coredns.*exit code 128 \(StartError\)/u },
    },
  ],
  run: async (lab) => {
    const first = await lab.boot("device", DEVICE);
    await lab.check("k3s has made its keys", async () => waitKeys(lab, first));
    await first.machine.cutPower();
    const second = await lab.boot("device", DEVICE);
    await lab.check("k3s starts again, and its first container runs", async () => waitFirstContainer(lab, second));
    await second.machine.cutPower();
    const again = await lab.boot("device", DEVICE);
    await again.ready("the server is Ready by itself", { timeoutMs: READY_MS });
  },
};
