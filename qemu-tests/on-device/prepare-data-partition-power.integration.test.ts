import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openDevice, type Device, type DeviceShell } from "./open-device.ts";
import { DONE, ended, KINDS, lines, runWithImage, SCRIPT, STATE, type Snapshotter } from "./run-data-partition.ts";
import { skipWithoutDisks } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutDisks(["ext4", "btrfs"]));

const FILL = ["mkdir -p", "mount -t", "cp -a", "sync", "umount /run/k3s-data", "rmdir /run/k3s-data"];
const MOUNT_LAYERS = ["mount -t", "mkdir -p"];

/** The commands of the first boot that change something, in order, as lose-power.sh calls them: the power goes with each. */
const MOMENTS: Readonly<Record<Snapshotter, readonly string[]>> = {
  overlayfs: ["mkdir -p", "dd of", "sync", "mke2fs -q", "dd if", ...FILL, "e2label /run/data-partition", "mount -t"],
  btrfs: ["mkdir -p", "dd of", "sync", "mkfs.btrfs -q", "dd if", ...FILL, "btrfs filesystem", ...MOUNT_LAYERS, "mount --bind"],
  zfs: ["zpool create", "zfs create", "mkdir -p", "zfs create", ...FILL, "zfs rename", ...MOUNT_LAYERS, "mount -t"],
};

type Choose = (moment: string, index: number, moments: readonly string[]) => boolean;

/** At whichever of the moments chosen the power goes at the first boot, the second ends as if it had not. */
async function expectMadeWhenever(on: Device, shell: DeviceShell, snapshotter: Snapshotter, choose: Choose): Promise<void> {
  const { diskMib, place } = KINDS[snapshotter];
  const all = MOMENTS[snapshotter];
  const chosen = all.flatMap((moment, index) => (choose(moment, index, all) ? [{ moment, count: index + 1 }] : []));
  const told = await runWithImage(
    on,
    shell,
    `${snapshotter === "zfs" ? "have_zfs" : ""}
tell image files ${STATE}
lose_power ${snapshotter} ${diskMib} ${chosen.map(({ count }) => count).join(" ")}
disk ${diskMib}
power_goes ${all.length + 1}
tell whole boot ${snapshotter}
tell left cat /tmp/count`,
  );
  expect(told["image"]?.text).toContain("airgap.tar");
  for (const { moment, count } of chosen) {
    expect({ moment, status: told[`boot ${count}`]?.status }).toEqual({ moment, status: 0 });
    expect({ moment, files: told[`files ${count}`]?.text }).toEqual({ moment, files: told["image"]?.text });
    expect({ moment, place: lines(told[`place ${count}`]) }).toEqual({ moment, place });
  }
  expect(lines(told["moments"])).toEqual(chosen.map(({ moment }) => moment));
  // No command is left at which the power did not go.
  expect(ended(told["whole"])).toEqual(DONE);
  expect(told["left"]?.text).toBe("1");
}

/** The script ended amid the copying, and the unit started once more without a boot. */
async function expectStartedAgain(on: Device, shell: DeviceShell): Promise<void> {
  const told = await runWithImage(
    on,
    shell,
    `tell image files ${STATE}
disk 16
power_goes ${MOMENTS.overlayfs.indexOf("cp -a") + 1}
boot overlayfs >/dev/null 2>&1 || :
rm /tmp/own
mkdir /tmp/own
tell between place
tell boot boot overlayfs
tell files files ${STATE}
tell place place`,
  );
  expect(lines(told["between"])).toEqual(["nothing is mounted", "k3s-unfilled", "/run/k3s-data is left"]);
  expect(told["boot"]).toEqual(DONE);
  expect(told["files"]).toEqual(told["image"]);
  expect(lines(told["place"])).toEqual(KINDS.overlayfs.place);
}

const PARTS: Readonly<Record<string, Choose>> = {
  "before it is filled": (_, index, moments) => index < moments.indexOf("cp -a"),
  "from then on": (_, index, moments) => index >= moments.indexOf("cp -a"),
};
const SHELLS = { overlayfs: "busybox sh", btrfs: "bash --posix", zfs: "dash" } as const;
const CASES = (["overlayfs", "btrfs", "zfs"] as const).flatMap((snapshotter) =>
  Object.entries(PARTS).map(([part, choose]) => ({ snapshotter, shell: SHELLS[snapshotter], part, choose })),
);

it.each(CASES)("for $snapshotter, under $shell, the power may go at any moment $part", async ({ snapshotter, shell, choose }) => {
  await expectMadeWhenever(device, shell, snapshotter, choose);
});

it("a start that was ended without a boot is followed by one that begins anew", async () => {
  await expectStartedAgain(device, "busybox sh");
});

describe("each check fails", () => {
  it.each([
    { moment: "cp -a", why: "what is unfilled counts as made", from: "|| fresh=yes\n\t;;\n*)", to: "|| :\n\t;;\n*)" },
    { moment: "dd if", why: "it has its name at once", from: '-t ext4 -L "$unfilled"', to: "-t ext4 -L k3s-data" },
    {
      moment: "cp -a",
      why: "it has its name before it is filled",
      from: "\t\tfill\n\t\tname_filled\n",
      to: "\t\tname_filled\n\t\tfill\n",
    },
    { moment: "mke2fs -q", why: "there is no mark", from: "\t\twrite_mark\n", to: "\t\tsync; sync\n" },
    { moment: "mke2fs -q", why: "the mark is not looked for", from: "is_marked || is_blank", to: "is_blank" },
    { moment: "umount /run/k3s-data", why: "the name is never given", from: "\t\tname_filled\n", to: "" },
    {
      moment: "cp -a",
      why: "what is there of the copy stays",
      from: "\t\tmake_unfilled\n",
      to: '\t\t[ "$present" = ext4 ] || make_unfilled\n',
    },
    { kind: "btrfs", moment: "mkfs.btrfs -q", why: "mkfs covers the mark", from: '-b "${last}M"', to: "" },
    {
      kind: "zfs",
      moment: "cp -a",
      why: "what is left of a dataset is not destroyed",
      from: "|| zfs destroy k3s/unfilled",
      to: "|| :",
    },
    {
      kind: "zfs",
      moment: "zfs create",
      why: "the pool alone counts as made",
      from: "zfs list k3s/state >/dev/null 2>&1 ||",
      to: ": ||",
    },
  ] as const)("where $why", async ({ from, to, moment, ...rest }) => {
    const kind = "kind" in rest ? rest.kind : "overlayfs";
    await using defective = await openDevice({ file: `${SCRIPT}.${kind}`, from, to });
    await expect(expectMadeWhenever(defective, "dash", kind, (each) => each === moment)).rejects.toThrow("expected");
  });

  it("where a mount that is left is in the way", async () => {
    await using defective = await openDevice({ file: `${SCRIPT}.overlayfs`, from: 'then umount "$filling"', to: "then :" });
    await expect(expectStartedAgain(defective, "dash")).rejects.toThrow("expected");
  });
});
