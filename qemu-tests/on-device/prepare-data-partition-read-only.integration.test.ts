import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { openDevice, type Device } from "./open-device.ts";
import { DONE, ended, KINDS, lines, runWithImage, STATE } from "./run-data-partition.ts";
import { skipWithoutDisks } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutDisks(["ext4", "btrfs"]));

const READ_ONLY = `mount --bind /tmp /tmp
mount --bind /run /run
mount -o remount,bind,ro /`;
/** What OE-core's mount-copybind does for /var/lib, as long as the kernel has overlayfs. */
const VOLATILE = `mkdir /run/volatile
mount -t tmpfs none /run/volatile
mkdir /run/volatile/lib /run/volatile/work
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/volatile/lib,workdir=/run/volatile/work none /var/lib`;

it.each([
  ["read-only", READ_ONLY, "the root is read-only"],
  ["read-only, with /var/lib in memory", `${READ_ONLY}\n${VOLATILE}`, ""],
])("where the root filesystem is %s, the partition is prepared and mounted all the same", async (_name, root, refused) => {
  const told = await runWithImage(
    device,
    "busybox sh",
    `${root}
disk ${KINDS.btrfs.diskMib}
tell image files ${STATE}
tell writable sh -c 'echo x >${STATE}/probe && rm ${STATE}/probe || echo the root is read-only'
tell boot boot btrfs
tell place place
tell files files ${STATE}
tell mine sh -c 'echo mine >${STATE}/mine && stat -f -c %T ${STATE}/mine'`,
  );
  expect(lines(told["writable"]).at(-1) ?? "").toBe(refused);
  expect(ended(told["boot"])).toEqual(DONE);
  expect(lines(told["place"])).toEqual(KINDS.btrfs.place);
  expect(told["files"]).toEqual(told["image"]);
  expect(lines(told["mine"])).toEqual(["btrfs"]);
});

it("the unit comes after what OE-core mounts over /var/lib, which would hide the partition", async () => {
  const unit = new URL("../../recipes-core/k3s-data-partition/files/k3s-data-partition.service", import.meta.url);
  const after = [...(await readFile(unit, "utf8")).matchAll(/^After=(.*)$/gmu)].flatMap(([, units = ""]) => units.split(" "));
  expect(after).toContain("var-volatile-lib.service");
  const told = await runWithImage(
    device,
    "busybox sh",
    `disk ${KINDS.overlayfs.diskMib}\ntell boot boot overlayfs\n${VOLATILE}\ntell hidden stat -f -c %T ${STATE}`,
  );
  expect(told["boot"]).toEqual(DONE);
  expect(lines(told["hidden"])).toEqual(["overlayfs"]);
});
