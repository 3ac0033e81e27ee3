import { mkdir, readFile, realpath, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Context } from "../../tools/core/context.ts";
import { PreflightError } from "../../tools/core/errors.ts";
import { formatQemuboot } from "../../tools/machine/format-qemuboot.ts";
import { readQemuboot, type ImageFiles } from "../../tools/machine/read-qemuboot.ts";
import { parseLayout, parseQemubootSettings, type DiskPart } from "./parse-qemu-disk.ts";
import { PREPARE_PATH, readDataPartitionUnit, readPrepareScript } from "./read-data-partition.ts";

const LAYER = join(import.meta.dirname, "../..");
const UNIT = "k3s-data-partition.service";
const UNIT_PATH = `/usr/lib/systemd/system/${UNIT}`;
const REQUIRES = "/etc/systemd/system/local-fs.target.requires";
const MIB = 2 ** 20;
// An ordinary user's PATH on Debian has no sbin.
const SBIN = "/usr/local/sbin:/usr/sbin:/sbin";

async function requirePrograms(ctx: Context, env: { PATH: string }): Promise<void> {
  for (const [program, owner] of [
    ["sfdisk", "fdisk"],
    ["debugfs", "e2fsprogs"],
  ] as const) {
    if (!(await ctx.exec.run([program, "-V"], { env })).notFound) continue;
    const repair = `apt-get install -y ${owner}`;
    throw new PreflightError(`${program} is missing, which makes a disk with partitions`, {
      checks: [{ name: program, found: "not found", repair }],
      hint: repair,
    });
  }
}

/** Puts what the recipe k3s-data-partition installs into the ext4 at this offset. Throws Error where it is not there afterwards. */
async function installUnit(
  ctx: Context,
  disk: string,
  options: { offset: number; snapshotter: string; folder: string; env: { PATH: string } },
): Promise<void> {
  const { offset, snapshotter, folder, env } = options;
  const partition = "/dev/disk/by-partlabel/k3s-data";
  const files = [
    { path: PREPARE_PATH, mode: "0100755", text: await readPrepareScript({ partition, snapshotter }) },
    { path: UNIT_PATH, mode: "0100644", text: await readDataPartitionUnit(partition) },
  ];
  const filesystem = `${disk}?offset=${offset}`;
  const commands: string[] = [];
  for (const { path, mode, text } of files) {
    await writeFile(join(folder, basename(path)), text);
    commands.push(`cd ${dirname(path)}`, `write ${basename(path)} ${basename(path)}`);
    commands.push(`set_inode_field ${path} mode ${mode}`, `set_inode_field ${path} uid 0`, `set_inode_field ${path} gid 0`);
  }
  commands.push(`mkdir ${REQUIRES}`, `cd ${REQUIRES}`, `symlink ${UNIT} ${UNIT_PATH}`);
  await writeFile(join(folder, "commands"), `${commands.join("\n")}\n`);
  await ctx.exec.runCheck(["debugfs", "-w", "-f", "commands", filesystem], { env, cwd: folder });
  // It ends with 0 whatever happened.
  for (const { path, text } of files) {
    const { stdout } = await ctx.exec.runCheck(["debugfs", "-R", `cat ${path}`, filesystem], { env });
    if (stdout.trimEnd() !== text.trimEnd()) throw new Error(`debugfs did not write ${path}`);
  }
}

async function writeDisk(
  ctx: Context,
  options: { image: ImageFiles; parts: readonly DiskPart[]; disk: string; env: { PATH: string } },
): Promise<number> {
  const { image, parts, disk, env } = options;
  const rootMib = Math.ceil((await stat(image.rootfsPath)).size / MIB);
  const sizes = parts.map((part) => part.sizeMib ?? rootMib);
  // One MiB before the partitions, as --align 1024 makes it, and one behind them for the table's second copy.
  await writeFile(disk, "");
  await truncate(disk, (sizes.reduce((sum, size) => sum + size, 0) + 2) * MIB);
  const lines = parts.map(({ label }, index) => `${index === 0 ? "start=1MiB, " : ""}size=${sizes[index]}MiB, name="${label}"`);
  await ctx.exec.runCheck(["sfdisk", "--quiet", disk], { env, input: `label: gpt\n${lines.join("\n")}\n` });
  const before = sizes.slice(
    0,
    parts.findIndex((part) => part.content === "rootfs"),
  );
  const offsetMib = before.reduce((sum, size) => sum + size, 1);
  await ctx.exec.runCheck([
    "dd", `if=${image.rootfsPath}`, `of=${disk}`, "bs=1M", `seek=${offsetMib}`, "conv=sparse,notrunc", "status=none",
  ]); // prettier-ignore
  return offsetMib * MIB;
}

/**
 * Makes, out of an image whose root filesystem is a plain ext4, what a build of the layer makes of it with a data partition: the disk of
 * files/wic/qemu-k3s-data.wks.in, the keys of the qemuboot.conf that k3s-qemu-disk.bbclass sets, and in the root filesystem what the recipe
 * k3s-data-partition installs. An image that has it all, a real one, is taken as it is. Gives the path of the qemuboot.conf. Throws PreflightError
 * where sfdisk is missing, CommandError where a program fails.
 */
export async function writePartitionedImage(
  ctx: Context,
  options: { qemubootPath: string; folder: string; partition: { readonly size: string; readonly snapshotter: string } },
): Promise<string> {
  const { folder, partition } = options;
  const settings = parseQemubootSettings(await readFile(join(LAYER, "classes-recipe/k3s-qemu-disk.bbclass"), "utf8"));
  const image = await readQemuboot(ctx, { path: options.qemubootPath });
  if (Object.entries(settings).every(([key, value]) => image.qemuboot.values[key] === value)) return image.qemubootPath;

  const env = { PATH: `${ctx.env["PATH"] ?? ""}:${SBIN}` };
  await requirePrograms(ctx, env);
  const layout = await readFile(join(LAYER, "files/wic/qemu-k3s-data.wks.in"), "utf8");
  const parts = parseLayout(layout, { K3S_DATA_PARTITION_SIZE: partition.size });
  await mkdir(folder, { recursive: true });
  const name = image.qemuboot.imageNames[0] ?? "image";
  const disk = join(folder, `${name}.${settings["QB_DEFAULT_FSTYPE"]}`);
  const offset = await writeDisk(ctx, { image, parts, disk, env });
  await installUnit(ctx, disk, { offset, snapshotter: partition.snapshotter, folder, env });

  for (const path of [image.kernelPath, image.initrdPath])
    if (path !== undefined) await symlink(await realpath(path), join(folder, basename(path)));
  const native = image.nativeFolder === undefined ? {} : { STAGING_BINDIR_NATIVE: image.nativeFolder };
  const qemubootPath = join(folder, `${name}.qemuboot.conf`);
  await writeFile(qemubootPath, formatQemuboot({ ...image.qemuboot.values, ...native, ...settings }));
  return qemubootPath;
}
