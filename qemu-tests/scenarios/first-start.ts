import type { Guest, GuestOptions, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { giveConfig, plantBeforeK3s } from "../harness/plant-fault.ts";
import { SLIM } from "./guest-questions.ts";

/** With "writeback" what the guest did not flush is lost with QEMU. */
const DEVICE: GuestOptions = { keepDisks: true, diskCache: "writeback", handOver: giveConfig(SLIM) };
const FIRST_CONTAINER_MS = 600_000;
const READY_MS = 600_000;

/** Until the first container of an image runs: its layers have just been unpacked, and the kernel writes back at its leisure. */
async function waitFirstContainer(lab: Lab, guest: Guest): Promise<void> {
  await lab.until(
    async () => {
      // Asked of the runtime: the API server hears of it later, and is not there yet at first.
      const { stdout } = await guest.shell.run("k3s crictl ps -q 2>/dev/null", { timeoutMs: 60_000 });
      return stdout.trim() === "" ? "no container runs yet" : undefined;
    },
    { timeoutMs: FIRST_CONTAINER_MS, everyMs: 2000 },
  );
}

/** The moment at which most is unwritten, and at which devices are switched off: on the bench, at their very first start. */
export const firstStart: Scenario = {
  name: "first-start",
  about: "a device whose power is cut when its first containers start comes up by itself",
  minutes: 10,
  defects: [
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
    const guest = await lab.boot("device", DEVICE);
    await lab.check("its first container runs", async () => waitFirstContainer(lab, guest));
    await guest.machine.cutPower();
    const again = await lab.boot("device", DEVICE);
    await again.ready("the server is Ready by itself", { timeoutMs: READY_MS });
  },
};
