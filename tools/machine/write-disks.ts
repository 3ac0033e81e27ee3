import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import type { BlankDiskSpec, DiskSpec, MachineSpec } from "./machine-spec.ts";
import type { RunFiles } from "./plan-qemu-argv.ts";

/** Tells whether an image is still the one that an overlay was made on. */
async function fingerprint(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${path} ${size} ${mtimeMs}\n`;
}

async function writeDisk(
  ctx: Context,
  options: { disk: DiskSpec | BlankDiskSpec; path: string; sizeMib: number | undefined },
): Promise<RunFiles["disks"][number]> {
  const { disk, path } = options;
  if ("path" in disk && disk.writes === "direct") return { path: disk.path, format: disk.format, cache: disk.cache };
  const base = "path" in disk ? await fingerprint(disk.path) : "blank\n";
  const made = await readFile(`${path}.base`, "utf8").catch(() => undefined);
  if (made !== undefined && made !== base) {
    throw new ConfigError(`${path} holds the changes of another image, or the image was built anew since`, {
      hint: "remove it to start afresh",
    });
  }
  if (made === undefined) {
    const backing = "path" in disk ? ["-b", disk.path, "-F", disk.format] : [];
    const sizeMib = "path" in disk ? options.sizeMib : disk.blankMib;
    const size = sizeMib === undefined ? [] : [`${sizeMib}M`];
    await ctx.exec.runCheck(["qemu-img", "create", "-q", "-f", "qcow2", ...backing, path, ...size], { timeoutMs: 60_000 });
    await writeFile(`${path}.base`, base);
  }
  return { path, format: "qcow2", cache: disk.cache };
}

/**
 * Makes the overlays and blank disks of a machine in `folder`, or takes those that are there from an earlier start. The root disk's
 * overlay is as big as the plan says. Throws ConfigError when an overlay belongs to another image, CommandError when qemu-img fails.
 */
export async function writeDisks(ctx: Context, options: { spec: MachineSpec; folder: string }): Promise<RunFiles["disks"]> {
  const { spec, folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const disks = [await writeDisk(ctx, { disk: spec.rootDisk, path: join(folder, "root.qcow2"), sizeMib: spec.rootDiskMib })];
  for (const [index, disk] of spec.dataDisks.entries()) {
    disks.push(await writeDisk(ctx, { disk, path: join(folder, `data${index}.qcow2`), sizeMib: undefined }));
  }
  return disks;
}
