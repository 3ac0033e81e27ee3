import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device, type DeviceShell } from "./open-device.ts";
import { DONE, ended, KINDS, lines, runWithImage, SCRIPT, STATE, type Snapshotter } from "./run-data-partition.ts";
import { skipWithoutDisks } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutDisks(["ext4", "btrfs"]));

/** At the first boot it is made, filled and mounted; at the second what has been changed since stays. */
async function expectMadeOnce(on: Device, shell: DeviceShell, snapshotter: Snapshotter): Promise<void> {
  const { diskMib, place } = KINDS[snapshotter];
  const told = await runWithImage(
    on,
    shell,
    `${snapshotter === "zfs" ? "have_zfs" : ""}
tell image files ${STATE}
disk ${diskMib}
tell first boot ${snapshotter}
tell place place
tell files files ${STATE}
tell again boot ${snapshotter}
echo mine >${STATE}/mine
rm -f ${STATE}/.hidden
tell changed files ${STATE}
power_off
attach
tell second boot ${snapshotter}
tell kept files ${STATE}
tell stays place`,
  );
  expect(told["image"]?.text).toContain("airgap.tar regular file 644 0:0 links:2");
  expect([told["first"], told["again"], told["second"]].map(ended)).toEqual([DONE, DONE, DONE]);
  expect(told["files"]).toEqual(told["image"]);
  expect(lines(told["place"])).toEqual(place);
  expect(told["changed"]).not.toEqual(told["image"]);
  expect(told["kept"]).toEqual(told["changed"]);
  expect(told["stays"]).toEqual(told["place"]);
}

interface Foreign {
  readonly name: string;
  readonly snapshotter: Snapshotter;
  readonly diskMib: number;
  /** Lines that put it on the partition. */
  readonly put: string;
  readonly says: string;
}

const MBR = String.raw`printf '\000\000\000\000\203\000\000\000\000\010\000\000\000\020\000\000'`;

/** What is not to be touched, byte for byte. */
const FOREIGN: readonly Foreign[] = [
  ...(
    [
      ["overlayfs", "mke2fs -q -t ext2", "holds ext2, not ext4: it stays as it is"],
      ["overlayfs", "/device/applets/mkdosfs", "holds vfat, not ext4: it stays as it is"],
      ["overlayfs", "mkswap -q", "holds swap, not ext4: it stays as it is"],
      ["btrfs", "mke2fs -q -t ext4", "holds ext4, not btrfs: it stays as it is"],
      ["btrfs", "mke2fs -q -t ext4 -L k3s-unfilled", "holds ext4, not btrfs: it stays as it is"],
      ["zfs", "mke2fs -q -t ext4", "holds ext4, not zfs_member: it stays as it is"],
    ] as const
  ).map(([snapshotter, make, says]) => ({
    name: `${make} for ${snapshotter}`,
    snapshotter,
    diskMib: 16,
    put: `${make} $partition >/dev/null`,
    says,
  })),
  {
    name: "encrypted",
    snapshotter: "overlayfs",
    diskMib: 16,
    put: String.raw`printf 'LUKS\272\276\000\001' | put 0`,
    says: "holds crypto_LUKS, not ext4: it stays as it is",
  },
  {
    name: "two filesystems",
    snapshotter: "overlayfs",
    diskMib: 128,
    put: `mkfs.btrfs -q $partition >/dev/null
truncate -s 128M /tmp/other && mke2fs -q -t ext4 /tmp/other
dd if=/tmp/other of=$partition bs=1024 skip=1 seek=1 count=1 2>/dev/null`,
    says: "cannot tell what is on /run/data-partition: it stays as it is",
  },
  {
    name: "partition table",
    snapshotter: "overlayfs",
    diskMib: 16,
    put: String.raw`${MBR} | put 446 && printf '\125\252' | put 510`,
    says: "holds unknown, not ext4: it stays as it is",
  },
  ...[5000, 16 * 1_048_576 - 600].map((offset) => ({
    name: `data at ${offset}`,
    snapshotter: "overlayfs" as const,
    diskMib: 16,
    put: `echo precious | put ${offset}`,
    says: "holds something that is no filesystem: it stays as it is",
  })),
];

async function expectUntouched(on: Device, shell: DeviceShell, foreign: readonly Foreign[]): Promise<void> {
  const told = await runWithImage(
    on,
    shell,
    `put() { dd of=$partition bs=1 seek="$1" 2>/dev/null; }
${foreign
  .map(
    ({ name, snapshotter, diskMib, put }) => `disk ${diskMib}
${put}
/bin/sync $partition
cp --sparse=always $medium/disk /tmp/before
tell '${name}' boot ${snapshotter}
/bin/sync $partition
tell 'changes of ${name}' cmp /tmp/before $medium/disk
tell 'mounts of ${name}' findmnt -n ${STATE}`,
  )
  .join("\n")}`,
  );
  for (const { name, says } of foreign) {
    expect({ name, ...told[name] }).toEqual({ name, status: 1, text: expect.stringContaining(says) });
    expect({ name, ...told[`changes of ${name}`] }).toEqual({ name, ...DONE });
    expect({ name, ...told[`mounts of ${name}`] }).toEqual({ name, status: 1, text: "" });
  }
}

/** A filesystem of the right kind that is somebody's own is mounted, with what is on it and nothing else. */
async function expectOwnDataKept(on: Device, shell: DeviceShell, own: keyof typeof OWN): Promise<void> {
  const told = await runWithImage(
    on,
    shell,
    `mkdir /tmp/users
for snapshotter in overlayfs btrfs; do
  disk 128
  case $snapshotter in overlayfs) make='mke2fs -q -t ext4' ;; *) make='mkfs.btrfs -q' ;; esac
  $make -L mine $partition >/dev/null
  mount $partition /tmp/users
  ${OWN[own]}
  tell "$snapshotter: before" files /tmp/users
  umount /tmp/users
  tell "$snapshotter: boot" boot $snapshotter
  tell "$snapshotter: files" files ${STATE}
  tell "$snapshotter: place" place
done`,
  );
  for (const snapshotter of ["overlayfs", "btrfs"] as const) {
    expect(told[`${snapshotter}: boot`]).toEqual(DONE);
    const place = KINDS[snapshotter].place.map((line) => (line === "k3s-data" ? "mine" : line));
    expect(lines(told[`${snapshotter}: place`])).toEqual(place);
    // The directories that lead to btrfs's layers are made where there are none.
    const made = /^\.\/k3s(\/agent)? directory/u;
    const files = lines(told[`${snapshotter}: files`]).filter((line) => snapshotter === "overlayfs" || !made.test(line));
    expect(files).toEqual(lines(told[`${snapshotter}: before`]));
  }
}

const OWN = {
  "with data": "echo precious >/tmp/users/file",
  "with nothing on it": ":",
  "beside the mark of an mkfs that has not ended":
    'printf "k3s-data-partition: mkfs has not ended" | dd of=$partition bs=1048576 seek=127 2>/dev/null; echo precious >/tmp/users/file',
} as const;

/** What does not fit is told, and the partition is made anew and filled at the first start at which it does. */
async function expectTooSmallTold(on: Device, shell: DeviceShell): Promise<void> {
  const told = await runWithImage(
    on,
    shell,
    `image 24000
disk 16
tell full boot overlayfs
tell place place
tell again boot overlayfs
image
tell image files ${STATE}
tell smaller boot overlayfs
tell files files ${STATE}
tell done place`,
  );
  const sizes =
    /No space left on device[^]*cannot copy what the image has in \/var\/lib\/rancher, \d{5} KiB, to \/run\/data-partition, which has 16384 KiB/u;
  expect(told["full"]).toEqual({ status: 1, text: expect.stringMatching(sizes) });
  expect(lines(told["place"])).toEqual(["nothing is mounted", "k3s-unfilled", "/run/k3s-data is left"]);
  expect(told["again"]).toEqual({ status: 1, text: expect.stringMatching(sizes) });
  expect(told["smaller"]).toEqual(DONE);
  expect(told["files"]).toEqual(told["image"]);
  expect(lines(told["done"])).toEqual(KINDS.overlayfs.place);
}

/** ZFS would give a whole disk a partition table of its own, which no later start would know. */
async function expectWholeDiskRefused(on: Device, shell: DeviceShell): Promise<void> {
  const told = await runWithImage(
    on,
    shell,
    `have_zfs
disk 4
block=/sys/class/block/$(basename "$(readlink -f $partition)")
size=$(cat $block/size)
mount -t tmpfs none "$(readlink -f $block)"
echo "$size" >$block/size
: >$block/device
tell boot boot zfs
tell pool ls /tmp/medium
umount "$(readlink -f $block)"
tell partition boot zfs`,
  );
  expect(told["boot"]).toEqual({ status: 1, text: expect.stringContaining("is a whole disk, and ZFS would partition it") });
  expect(told["pool"]).toEqual({ status: 0, text: "disk" });
  expect(told["partition"]).toEqual(DONE);
}

/** Without the filesystem nothing is begun, whether the partition is empty or has one of the kind. */
async function expectKernelAsked(on: Device, shell: DeviceShell, snapshotter: Snapshotter): Promise<void> {
  const [type = ""] = KERNEL[snapshotter];
  const told = await runWithImage(
    on,
    shell,
    `know_filesystems tmpfs my${type} ${type}2
disk ${KINDS[snapshotter].diskMib}
cp --sparse=always $medium/disk /tmp/before
tell boot boot ${snapshotter}
/bin/sync $partition
tell changes cmp /tmp/before $medium/disk
tell mounts findmnt -n ${STATE}`,
  );
  const words = KERNEL[snapshotter].join(", neither built in nor as a module: ");
  expect(told["boot"]).toEqual({
    status: 1,
    text: `prepare-data-partition: the kernel has no ${words}, or choose another K3S_SNAPSHOTTER. /run/data-partition stays as it is`,
  });
  expect(told["changes"]).toEqual(DONE);
  expect(told["mounts"]).toEqual({ status: 1, text: "" });
}

const KERNEL: Readonly<Record<Snapshotter, readonly string[]>> = {
  overlayfs: ["ext4", "build it with CONFIG_EXT4_FS"],
  btrfs: ["btrfs", "build it with CONFIG_BTRFS_FS"],
  zfs: ["zfs", "install ZFS's modules for this kernel (uname -r)"],
};

/** A partition that cannot be read is not an empty one. */
async function expectUnreadableLeft(on: Device, shell: DeviceShell): Promise<void> {
  const told = await runWithImage(
    on,
    shell,
    `disk 16
printf '#!/bin/sh\\nexit 1\\n' >/tmp/own/dd
chmod +x /tmp/own/dd
tell boot boot overlayfs
tell place place`,
  );
  expect(told["boot"]).toEqual({ status: 1, text: expect.stringContaining("it stays as it is") });
  expect(lines(told["place"])).toEqual(["nothing is mounted"]);
}

describe.each(DEVICE_SHELLS)("under %s", (shell) => {
  it.each(["overlayfs", "btrfs", "zfs"] as const)(
    "for %s an empty partition is made, filled and mounted once",
    async (snapshotter) => {
      await expectMadeOnce(device, shell, snapshotter);
    },
  );

  it.each(["overlayfs", "btrfs", "zfs"] as const)("for %s a kernel without its filesystem is told", async (snapshotter) => {
    await expectKernelAsked(device, shell, snapshotter);
  });

  it("what holds something else stays as it is, byte for byte", async () => {
    await expectUntouched(device, shell, FOREIGN);
  });
});

it.each(Object.keys(OWN) as (keyof typeof OWN)[])("somebody's own filesystem %s is mounted as it is", async (own) => {
  await expectOwnDataKept(device, "busybox sh", own);
});

it("what does not fit is told, and begun anew at the next start", async () => {
  await expectTooSmallTold(device, "busybox sh");
});

it("a partition too small for its filesystem is told", async () => {
  const told = await runWithImage(device, "dash", "disk 16\ntell boot boot btrfs\ntell again boot btrfs\ntell place place");
  const text = expect.stringContaining("cannot make btrfs on /run/data-partition, which has 16384 KiB");
  expect(told["boot"]).toEqual({ status: 1, text });
  expect(told["again"]).toEqual({ status: 1, text });
  expect(lines(told["place"])).toEqual(["nothing is mounted"]);
});

it.each(DEVICE_SHELLS)("under %s a whole disk is no partition for ZFS", async (shell) => {
  await expectWholeDiskRefused(device, shell);
});

it("a partition that cannot be read is left alone", async () => {
  await expectUnreadableLeft(device, "busybox sh");
});

/** The check of those whose name holds this. */
function untouched(part: string): (on: Device, shell: DeviceShell) => Promise<void> {
  const foreign = FOREIGN.filter(({ name }) => name.includes(part));
  return (on, shell) => expectUntouched(on, shell, foreign);
}

describe("each check fails", () => {
  const checks = {
    once: expectMadeOnce,
    "other filesystem": untouched("ext2"),
    "data at the beginning": untouched("data at 5000"),
    "data at the end": untouched(`data at ${16 * 1_048_576 - 600}`),
    own: (on: Device, shell: DeviceShell) => expectOwnDataKept(on, shell, "with data"),
    "own beside a mark": (on: Device, shell: DeviceShell) =>
      expectOwnDataKept(on, shell, "beside the mark of an mkfs that has not ended"),
    small: expectTooSmallTold,
    unreadable: expectUnreadableLeft,
    "whole disk": expectWholeDiskRefused,
    kernel: expectKernelAsked,
  } as const;
  const unlessUnfilled = '[ "$name" != "$unfilled" ] ||';

  it.each([
    { check: "once", why: "the image's files are not taken", from: 'if ! cp -a "$state/." "$filling/"', to: "if false" },
    { check: "once", why: "modes are not kept", from: "cp -a", to: "cp -r" },
    { check: "once", why: "it is made at each boot", from: unlessUnfilled, to: "" },
    { check: "once", kind: "btrfs", why: "the layers' directory is no mount", from: "mount --bind", to: ": --bind" },
    { check: "once", kind: "zfs", why: "the layers have no dataset", from: 'mount -t zfs k3s/snapshots "$snapshots"', to: ":" },
    {
      check: "other filesystem",
      why: "any is replaced",
      from: '*) fail "$partition holds',
      to: '*) fresh=yes ;;\nnever) fail "$partition holds',
    },
    { check: "data at the beginning", why: "what has no signature is empty", from: "is_marked || is_blank ||", to: ": ||" },
    { check: "data at the end", why: "the end is not looked at", from: '0 "$last"; do', to: "0; do" },
    { check: "own", why: "it is made anew", from: unlessUnfilled, to: "" },
    { check: "own beside a mark", why: "the mark overrules a signature", from: unlessUnfilled, to: "! is_marked ||" },
    { check: "whole disk", kind: "zfs", why: "any disk will do", from: '[ ! -e "$block/device" ] ||', to: "true ||" },
    {
      check: "kernel",
      kind: "btrfs",
      why: "the kernel is not asked",
      from: '\tgrep -q "[[:space:]]$1\\$" /proc/filesystems ||',
      to: "\ttrue ||",
    },
    { check: "kernel", kind: "zfs", why: "a part of a name counts", from: '! grep -q "[[:space:]]$1\\$"', to: '! grep -q "$1"' },
    {
      check: "small",
      why: "a copy that fails counts",
      from: 'if ! cp -a "$state/." "$filling/"; then',
      to: 'cp -a "$state/." "$filling/" || :\nif false; then',
    },
    {
      check: "unreadable",
      why: "nothing read is nothing there",
      from: `tr -cd '\\000' | wc -c)\n\t\t[ "$zeroes" -eq 1048576 ]`,
      to: `tr -d '\\000' | wc -c)\n\t\t[ "$zeroes" -eq 0 ]`,
    },
  ] as const)("$check: where $why", async ({ check, from, to, ...rest }) => {
    const kind = "kind" in rest ? rest.kind : "overlayfs";
    await using defective = await openDevice({ file: `${SCRIPT}.${kind}`, from, to });
    await expect(checks[check](defective, "dash", kind)).rejects.toThrow("expected");
  });
});
