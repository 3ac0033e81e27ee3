import { join } from "node:path";
import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, GuestOptions, Scenario } from "../../tools/scenario/scenario.ts";
import { writePartitionedImage } from "../harness/write-partitioned-image.ts";
import { IMAGES_FOLDER, SLIM } from "./guest-questions.ts";

const SNAPSHOTTER = "btrfs";
const STATE = "/var/lib/rancher";
const LINK = "/dev/disk/by-partlabel/k3s-data";
const UNIT = "k3s-data-partition.service";

const DEVICE: GuestOptions = {
  keepDisks: true,
  handOver: {
    files: [{ path: "/etc/rancher/k3s/config.yaml.d/60-lab.yaml", mode: "0600", content: `${SLIM}snapshotter: ${SNAPSHOTTER}\n` }],
  },
};

/** The filesystem that is mounted where k3s keeps its state: device, type and UUID. */
async function readMounted(guest: Guest): Promise<string> {
  return guest.sh(`findmnt -nro SOURCE,FSTYPE,UUID -T ${STATE}`);
}

/** An image of the layer for QEMU, as it is built with the fragment btrfs. */
export const dataPartition: Scenario = {
  name: "data-partition",
  about:
    "an image whose disk has an empty partition k3s-data prepares it at the first boot, keeps k3s's state on it and finds it again",
  minutes: 15,
  defects: [
    {
      name: "not-prepared",
      about: "the unit does nothing",
      machine: () => ({
        handOver: {
          credentials: [{ name: `systemd.unit-dropin.${UNIT}`, content: "[Service]\nExecStart=\nExecStart=/bin/true\n" }],
        },
      }),
      fails: { check: /is on the partition/u, words: /\/dev\/vda1 ext4/u },
    },
    {
      name: "no-partition",
      about: "the disk has no partition of the label that the unit waits for",
      machine: () => ({
        // The testbed is patient with the devices of a slow emulator: longer than a run waits for SSH.
        kernelArguments: ["systemd.default_device_timeout_sec=30"],
        handOver: {
          credentials: [
            {
              name: `systemd.unit-dropin.${UNIT}`,
              content: "[Unit]\nRequires=dev-nowhere.device\nAfter=dev-nowhere.device\n",
            },
          ],
        },
      }),
      fails: { check: /device boots/u, words: /emergency mode/u },
    },
  ],
  run: async (lab) => {
    const qemubootPath = await lab.check("the image has a disk with the partition", async () =>
      writePartitionedImage(lab.ctx, {
        qemubootPath: lab.qemubootPath,
        folder: join(lab.folder, "image"),
        partition: { size: "4G", snapshotter: SNAPSHOTTER },
      }),
    );
    let guest = await lab.boot("device", { ...DEVICE, qemubootPath });
    const mounted = await lab.check("k3s's state is on the partition", async () => {
      const device = await guest.sh(`readlink -f ${LINK}`);
      const found = await readMounted(guest);
      must(found.startsWith(`${device} ${SNAPSHOTTER} `), `at ${STATE} is ${found}`);
      const archives = await guest.sh(`ls ${IMAGES_FOLDER}`);
      must(archives.includes("coredns"), `of the image's archives there are: ${archives}`);
      return found;
    });
    await lab.check("the root filesystem is the first partition's", async () => {
      const source = await guest.sh("findmnt -nro SOURCE /");
      must(source === "/dev/vda1", `it is ${source}`);
    });
    await guest.ready("the server is Ready with its state on the partition");
    await lab.check("the layers are on it, with the snapshotter asked for", async () => {
      const layers = await guest.sh(
        `btrfs subvolume list -o ${STATE}/k3s/agent/containerd/io.containerd.snapshotter.v1.${SNAPSHOTTER} | wc -l`,
      );
      must(Number(layers) > 0, "there are none");
    });
    await guest.sh(`echo mine >${STATE}/mine && sync`);
    guest = await lab.boot("device", { ...DEVICE, qemubootPath });
    await lab.check("the second boot finds the same filesystem, with what was on it", async () => {
      const found = await readMounted(guest);
      must(found === mounted, `at ${STATE} is ${found}, where ${mounted} was`);
      must((await guest.sh(`cat ${STATE}/mine`)) === "mine", "the file of the first boot is not there");
    });
    await guest.ready("the server is Ready again");
  },
};
