import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../core/context.ts";
import type { Architecture } from "./machine-spec.ts";

/** Label of the disk's filesystem, by which the guest finds it wherever it is plugged in. */
const LABEL = "meta-k3s-run";

/**
 * Has the guest mount the disk where systemd's services look for credentials (systemd.exec(5), ImportCredential=), before tmpfiles are set up.
 * systemd-fstab-generator(8) knows `systemd.mount-extra=` from systemd 254 on. An emulated device may take minutes to be seen.
 */
export const HAND_OVER_ARGUMENT = `systemd.mount-extra=LABEL=${LABEL}:/run/credstore:ext4:ro,nodev,nosuid,noexec,x-systemd.device-timeout=600`;

/**
 * Whether a guest is handed its credentials on a disk instead of through fw_cfg: kernels of 32-bit Arm for several boards have no I/O port map, on
 * which CONFIG_FW_CFG_SYSFS depends (Linux drivers/firmware/Kconfig, arch/arm/Kconfig).
 */
export function takesHandOverDisk(arch: Architecture): boolean {
  return arch === "arm";
}

/**
 * Makes `folder`/hand-over.ext4 with one file for each credential, which nobody but the guest's root can read. Returns its path. Throws
 * CommandError when mkfs.ext4 or debugfs (e2fsprogs) fails.
 */
export async function writeHandOverDisk(
  ctx: Context,
  options: { folder: string; credentials: readonly { readonly name: string; readonly content: string }[] },
): Promise<string> {
  const { folder, credentials } = options;
  const tree = join(folder, "hand-over");
  const path = join(folder, "hand-over.ext4");
  await mkdir(tree, { mode: 0o700 });
  for (const { name, content } of credentials) await writeFile(join(tree, name), content, { mode: 0o600 });
  const bytes = credentials.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  const sizeKib = 2048 + Math.ceil((bytes * 2) / 1024);
  await ctx.exec.runCheck(
    ["mkfs.ext4", "-q", "-O", "^has_journal", "-L", LABEL, "-E", "root_owner=0:0", "-d", tree, path, `${sizeKib}k`],
    { timeoutMs: 60_000 },
  );
  await chmod(path, 0o600);
  // On the host the files are the user's own, whose number may be another user's in the guest.
  const commands = credentials.flatMap(({ name }) => [`sif /${name} uid 0`, `sif /${name} gid 0`]);
  const input = [...commands, "sif / mode 040700", ""].join("\n");
  await ctx.exec.runCheck(["debugfs", "-w", "-f", "-", path], { input, timeoutMs: 60_000 });
  await rm(tree, { recursive: true });
  return path;
}
