import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getuid } from "node:process";
import type { Context } from "../../tools/core/context.ts";
import { PreflightError } from "../../tools/core/errors.ts";
import { openTestContext } from "../harness/open-test-context.ts";
import { readPrepareScript } from "../harness/read-data-partition.ts";
import { parseTold, type Told } from "./parse-told.ts";

/** What a device's `/bin/sh` may be: OE-core's default, Debian's, and the one that a distribution with bash has (in POSIX mode as `sh`). */
export const DEVICE_SHELLS = ["busybox sh", "dash", "bash --posix"] as const;
export type DeviceShell = (typeof DEVICE_SHELLS)[number];

/** A mistake that a script of the layer might have: `from`, which is there exactly once, becomes `to`. */
export interface Defect {
  /** Path on the device. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A device with the layer's files and no k3s. Each run is a new one: nothing is left of what an earlier run did. */
export interface Device extends AsyncDisposable {
  /**
   * Runs a test's own script (of sh, with the functions of functions.sh) and gives what it told, by name. Throws CommandError when the
   * script itself fails: then nothing was shown.
   */
  run(shell: DeviceShell, script: string): Promise<Readonly<Record<string, Told>>>;
}

/** Where the scripts for a data partition look for it on the device. */
export const DATA_PARTITION = "/run/data-partition";

const HERE = import.meta.dirname;
const LAYER_FILES = join(HERE, "../../recipes-containers/k3s/files");
// An ordinary user's PATH on Debian has no sbin.
const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const FIREWALLS = ["iptables", "iptables-nft", "iptables-legacy", "ip6tables", "ip6tables-nft", "ip6tables-legacy"];
// Of the data partition's tests alone: others do with busybox's.
const FILESYSTEM_PROGRAMS = ["blkid", "btrfs", "e2label", "mke2fs", "mkfs.btrfs", "mount"];
const PROGRAMS = ["ipset", "nft", ...FIREWALLS.flatMap((name) => [`${name}-save`, `${name}-restore`])];
// Shorter than a test's own, so that what was said so far is told.
const TIMEOUT_MS = 110_000;

function namespaces(kinds: readonly string[]): readonly string[] {
  return ["unshare", ...(getuid?.() === 0 ? [] : ["--user", "--map-root-user"]), ...kinds, "--fork", "--kill-child"];
}

async function probeHost(what: string, probe: readonly string[]): Promise<string | undefined> {
  await using test = await openTestContext();
  const argv = [...namespaces(["--mount", "--net", "--pid"]), "sh", "-euc", probe.join("\n"), "sh", test.folder];
  const { status, stderr } = await test.ctx.exec.run(argv, { env: { PATH: HOST_PATH } });
  return status === 0 ? undefined : `this host does not let a test ${what}: ${stderr.trim()}`;
}

/** Why this host cannot have such a device (a chroot or a container that may not mount, user namespaces switched off), or undefined. */
export function readRefusal(): Promise<string | undefined> {
  return probeHost("make namespaces and mounts", [
    'mount -t tmpfs none "$1" && cd "$1" && mkdir proc sys usr',
    "mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t overlay -o lowerdir=/etc:/usr none usr",
  ]);
}

/** Why this host cannot give a device a disk with this filesystem (no loop devices, not root, not in the kernel), or undefined. */
export function readDiskRefusal(filesystem: "ext4" | "btrfs"): Promise<string | undefined> {
  return probeHost(`have a disk with ${filesystem}`, [
    'mount -t tmpfs none "$1" && cd "$1" && mkdir mounted && truncate -s 128M disk',
    // It goes with the last process that has it open.
    "loop=$(losetup --find --show disk)",
    'exec 9<>"$loop"\nlosetup --detach "$loop"',
    `mkfs.${filesystem} -q "$loop" >/dev/null\nmount -t ${filesystem} "$loop" mounted`,
  ]);
}

/** Why this host cannot give a device a disk with partitions (no loop devices, not root), or undefined. */
export function readPartitionRefusal(): Promise<string | undefined> {
  return probeHost("have a disk with partitions", [
    'mount -t tmpfs none "$1" && cd "$1" && truncate -s 8M disk',
    "echo 'label: gpt\nstart=1MiB' | sfdisk --quiet disk",
    "loop=$(losetup --find --show disk)",
    'exec 9<>"$loop"\nlosetup --detach "$loop"',
    'partx --add "$loop"\ntest -b "${loop}p1"\npartx --delete "$loop"',
  ]);
}

async function plantDefect(root: string, { file, from, to }: Defect): Promise<void> {
  const text = await readFile(join(root, file), "utf8");
  if (text.split(from).length !== 2) throw new Error(`${file} does not hold this text exactly once: ${from}`);
  await writeFile(
    join(root, file),
    text.replace(from, () => to),
  );
}

/** Where the host has these programs. Throws PreflightError where it lacks one. */
async function locatePrograms(ctx: Context, names: readonly string[]): Promise<readonly string[]> {
  const script = 'for name in "$@"; do command -v "$name" || { echo "$name" >&2; exit 1; }; done';
  const { status, stdout, stderr } = await ctx.exec.run(["sh", "-c", script, "sh", ...names], { env: { PATH: HOST_PATH } });
  if (status === 0) return stdout.trim().split("\n");
  throw new PreflightError(`${stderr.trim()} is missing`, { hint: "./meta-k3s doctor --install --for test" });
}

async function linkPrograms(ctx: Context, folder: string): Promise<void> {
  const linked = { programs: PROGRAMS, iproute2: ["ip"], filesystems: FILESYSTEM_PROGRAMS };
  for (const [name, programs] of Object.entries(linked)) {
    await mkdir(join(folder, name));
    const paths = await locatePrograms(ctx, programs);
    await Promise.all(programs.map((program, index) => symlink(paths[index] ?? "", join(folder, name, program))));
  }
  const [busybox = ""] = await locatePrograms(ctx, ["busybox", "dash", "bash"]);
  await mkdir(join(folder, "applets"));
  await ctx.exec.runCheck([busybox, "--install", "-s", join(folder, "applets")]);
}

/** One script for each snapshotter, which is the end of its name. Its recipe, not the Makefile, installs it. */
async function installPrepareScripts(installed: string): Promise<void> {
  for (const snapshotter of ["overlayfs", "btrfs", "zfs"]) {
    const text = await readPrepareScript({ partition: DATA_PARTITION, snapshotter });
    await writeFile(join(installed, `usr/libexec/k3s/prepare-data-partition.${snapshotter}`), text, { mode: 0o755 });
  }
}

/** Installs the layer's files as the recipe does, with a mistake if one is given. Throws PreflightError when a program is missing. */
export async function openDevice(defect?: Defect): Promise<Device> {
  const { ctx, folder, [Symbol.asyncDispose]: dispose } = await openTestContext();
  const installed = join(folder, "installed");
  await ctx.exec.runCheck(["make", "--silent", "-C", LAYER_FILES, "install", `DESTDIR=${installed}`]);
  await installPrepareScripts(installed);
  if (defect !== undefined) await plantDefect(installed, defect);
  await mkdir(join(folder, "root"));
  for (const name of ["stubs", "disk-stubs", "zfs-stubs", "functions.sh", "traces.sh", "data-partition.sh", "lose-power.sh"])
    await cp(join(HERE, name), join(folder, "device", name), { recursive: true });
  await linkPrograms(ctx, join(folder, "device"));

  async function run(shell: DeviceShell, script: string): Promise<Readonly<Record<string, Told>>> {
    const argv = [...namespaces(["--mount", "--net", "--pid"]), "sh", join(HERE, "enter-device.sh"), folder, shell, script];
    const { stdout } = await ctx.exec.runCheck(argv, { env: { PATH: HOST_PATH }, timeoutMs: TIMEOUT_MS });
    return parseTold(stdout);
  }

  return { run, [Symbol.asyncDispose]: () => dispose() };
}
