import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device } from "./open-device.ts";
import { DONE, ended, KINDS, lines, runWithImage, SCRIPT, STATE, type Seen, type Snapshotter } from "./run-data-partition.ts";
import { skipWithoutDisks, skipWithoutPartitions } from "./skip-aloud.ts";

// A partition of a partition table, and not a whole disk: of it blkid tells what the table says, too.

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutPartitions);
beforeEach(skipWithoutDisks(["ext4", "btrfs"]));

/** The first boot, what it made, and the second one. */
function bootTwice(on: Device, shell: (typeof DEVICE_SHELLS)[number], snapshotter: Snapshotter): Promise<Seen> {
  return runWithImage(
    on,
    shell,
    `tell image files ${STATE}
table ${KINDS[snapshotter].diskMib}
tell first boot ${snapshotter}
tell place place
tell files files ${STATE}
echo mine >${STATE}/mine
power_off
attach
tell second boot ${snapshotter}
tell mine cat ${STATE}/mine
power_off`,
  );
}

describe.each(DEVICE_SHELLS)("under %s", (shell) => {
  it.each(["overlayfs", "btrfs"] as const)(
    "for %s an empty partition of a GPT is made, filled and found again",
    async (snapshotter) => {
      const told = await bootTwice(device, shell, snapshotter);
      expect([told["first"], told["second"]].map(ended)).toEqual([DONE, DONE]);
      expect(told["files"]).toEqual(told["image"]);
      expect(lines(told["place"])).toEqual(KINDS[snapshotter].place);
      expect(lines(told["mine"])).toEqual(["mine"]);
    },
  );
});

it("a partition that holds a partition table of its own stays as it is", async () => {
  const told = await runWithImage(
    device,
    "dash",
    `table 16
printf 'label: gpt\\nstart=1MiB, size=4MiB\\n' | sfdisk --quiet --no-reread $partition
tell boot boot overlayfs
tell place place
tell inner blkid -p -o value -s PTTYPE $partition
power_off`,
  );
  expect(told["boot"]).toEqual({ status: 1, text: expect.stringContaining("holds unknown, not ext4: it stays as it is") });
  expect(lines(told["place"])).toEqual(["nothing is mounted"]);
  expect(lines(told["inner"])).toEqual(["gpt"]);
});

it("the check fails where the table's words are taken for something on the partition", async () => {
  await using broken = await openDevice({
    file: `${SCRIPT}.overlayfs`,
    from: "blkid -p -D -o value -s TYPE",
    to: "blkid -p -o value -s TYPE",
  });
  const told = await bootTwice(broken, "dash", "overlayfs");
  expect(told["first"]).toEqual({ status: 1, text: expect.stringContaining("holds unknown, not ext4") });
});
