import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { HAND_OVER_LABEL } from "./plan-hand-over-disk.ts";

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
    ["mkfs.ext4", "-q", "-O", "^has_journal", "-L", HAND_OVER_LABEL, "-E", "root_owner=0:0", "-d", tree, path, `${sizeKib}k`],
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
