import { chmod, copyFile, link, lstat, mkdir, readdir, readlink, rm, symlink, writeFile, constants } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "../../tools/core/context.ts";
import type { Privilege } from "./open-privilege.ts";

/** A file to put into the guest. */
export interface GuestFile {
  readonly source: string;
  /** Absolute path in the guest. */
  readonly path: string;
  readonly mode: number;
}

export interface DiskPlan {
  /** Folder whose content goes to the guest's root. */
  readonly guestTree: string;
  /** Folder with the Makefile that installs the layer's on-device files. */
  readonly onDeviceFiles: string;
  readonly files: readonly GuestFile[];
  readonly texts: readonly { readonly path: string; readonly content: string }[];
  readonly edits: readonly string[];
  readonly script: string;
  readonly imageName: string;
  readonly freeMib: number;
  readonly qemuboot: { readonly name: string; readonly content: string };
  readonly kernel: { readonly source: string; readonly name: string };
  readonly initrd: { readonly source: string; readonly name: string };
  readonly rootfsTar: string;
}

async function putFile(source: string, target: string, mode: number): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  await chmod(target, mode);
}

/** Copies a tree with the two modes that git knows, whatever the umask was when it was checked out. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    const source = join(from, name);
    const target = join(to, name);
    const info = await lstat(source);
    if (info.isDirectory()) await copyTree(source, target);
    else if (info.isSymbolicLink()) await symlink(await readlink(source), target);
    else await putFile(source, target, (info.mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}

/**
 * Fills `dir` as OE-core fills its deploy folder: root filesystem image (sparse ext4), kernel and *.qemuboot.conf, here with an initial RAM disk
 * too. Throws CommandError when make, tar or mkfs.ext4 fail.
 */
export async function buildDisk(ctx: Context, plan: DiskPlan, where: { dir: string; privilege: Privilege }): Promise<void> {
  const { dir, privilege } = where;
  const overlay = join(dir, "overlay");
  await copyTree(plan.guestTree, overlay);
  await ctx.exec.runCheck([
    "sh", "-c", 'umask 022; exec make --no-print-directory -s -C "$1" install DESTDIR="$2"', "sh", plan.onDeviceFiles, overlay,
  ]); // prettier-ignore
  for (const file of plan.files) await putFile(file.source, join(overlay, file.path), file.mode);
  for (const text of plan.texts) {
    await mkdir(dirname(join(overlay, text.path)), { recursive: true });
    await writeFile(join(overlay, text.path), text.content, { mode: 0o644 });
  }
  await writeFile(join(dir, "edits"), plan.edits.map((edit) => `${edit}\n`).join(""));
  const owner = privilege.kind === "sudo" ? [`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`] : [];
  await ctx.exec.runCheck([
    ...privilege.prefix, "sh", plan.script, plan.rootfsTar, overlay, join(dir, "edits"), join(dir, `${plan.imageName}.ext4`),
    String(plan.freeMib), ...owner,
  ]); // prettier-ignore
  await rm(overlay, { recursive: true });
  await rm(join(dir, "edits"));
  await link(plan.kernel.source, join(dir, plan.kernel.name));
  await link(plan.initrd.source, join(dir, plan.initrd.name));
  await writeFile(join(dir, plan.qemuboot.name), plan.qemuboot.content);
}
