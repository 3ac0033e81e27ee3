import { copyFile, cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getuid } from "node:process";
import type { Context } from "../../tools/core/context.ts";
import { PreflightError } from "../../tools/core/errors.ts";
import { openTestContext } from "../harness/open-test-context.ts";
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

const HERE = import.meta.dirname;
const LAYER_FILES = join(HERE, "../../recipes-containers/k3s/files");
// An ordinary user's PATH on Debian has no sbin.
const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const FIREWALLS = ["iptables", "iptables-nft", "iptables-legacy", "ip6tables", "ip6tables-nft", "ip6tables-legacy"];
const PROGRAMS = ["ipset", "nft", ...FIREWALLS.flatMap((name) => [`${name}-save`, `${name}-restore`])];
// Shorter than a test's own, so that what was said so far is told.
const TIMEOUT_MS = 110_000;

function namespaces(kinds: readonly string[]): readonly string[] {
  return ["unshare", ...(getuid?.() === 0 ? [] : ["--user", "--map-root-user"]), ...kinds, "--fork", "--kill-child"];
}

/** Why this host cannot have such a device (a chroot or a container that may not mount, user namespaces switched off), or undefined. */
export async function readRefusal(): Promise<string | undefined> {
  await using test = await openTestContext();
  const probe = [
    'mount -t tmpfs none "$1" && cd "$1" && mkdir proc sys usr',
    "mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t overlay -o lowerdir=/etc:/usr none usr",
  ].join("\n");
  const argv = [...namespaces(["--mount", "--net", "--pid"]), "sh", "-euc", probe, "sh", test.folder];
  const { status, stderr } = await test.ctx.exec.run(argv, { env: { PATH: HOST_PATH } });
  return status === 0 ? undefined : `this host does not let a test make namespaces and mounts: ${stderr.trim()}`;
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
  const [busybox = "", ip = "", ...programs] = await locatePrograms(ctx, ["busybox", "ip", ...PROGRAMS, "dash", "bash"]);
  for (const name of ["programs", "iproute2", "applets"]) await mkdir(join(folder, name));
  await Promise.all(PROGRAMS.map((name, index) => symlink(programs[index] ?? "", join(folder, "programs", name))));
  await symlink(ip, join(folder, "iproute2/ip"));
  await ctx.exec.runCheck([busybox, "--install", "-s", join(folder, "applets")]);
}

/** Installs the layer's files as the recipe does, with a mistake if one is given. Throws PreflightError when a program is missing. */
export async function openDevice(defect?: Defect): Promise<Device> {
  const { ctx, folder, [Symbol.asyncDispose]: dispose } = await openTestContext();
  const installed = join(folder, "installed");
  await ctx.exec.runCheck(["make", "--silent", "-C", LAYER_FILES, "install", `DESTDIR=${installed}`]);
  if (defect !== undefined) await plantDefect(installed, defect);
  await mkdir(join(folder, "root"));
  await cp(join(HERE, "stubs"), join(folder, "device/stubs"), { recursive: true });
  for (const name of ["functions.sh", "traces.sh"]) await copyFile(join(HERE, name), join(folder, "device", name));
  await linkPrograms(ctx, join(folder, "device"));

  async function run(shell: DeviceShell, script: string): Promise<Readonly<Record<string, Told>>> {
    const argv = [...namespaces(["--mount", "--net", "--pid"]), "sh", join(HERE, "enter-device.sh"), folder, shell, script];
    const { stdout } = await ctx.exec.runCheck(argv, { env: { PATH: HOST_PATH }, timeoutMs: TIMEOUT_MS });
    return parseTold(stdout);
  }

  return { run, [Symbol.asyncDispose]: () => dispose() };
}
