import { mkdir, open, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readQemuboot } from "../../tools/machine/read-qemuboot.ts";
import { openTestContext, type TestContext } from "./open-test-context.ts";
import { PREPARE_PATH, readPrepareScript } from "./read-data-partition.ts";
import { writePartitionedImage } from "./write-partitioned-image.ts";

const MIB = 2 ** 20;
const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };

/** A deploy folder with an ext4 as small as it goes, a file that begins like a kernel, and an initrd. */
async function writeImage({ ctx, folder }: TestContext): Promise<string> {
  const deploy = join(folder, "deploy");
  const tree = join(folder, "tree");
  for (const path of ["usr/libexec/k3s", "usr/lib/systemd/system", "etc/systemd/system"])
    await mkdir(join(tree, path), { recursive: true });
  await mkdir(deploy);
  await truncate(await writeEmpty(join(deploy, "image.ext4")), 16 * MIB);
  await ctx.exec.runCheck(["mkfs.ext4", "-q", "-F", "-d", tree, join(deploy, "image.ext4")], { env });
  const kernel = Buffer.alloc(2048);
  kernel.write("HdrS", 0x202);
  await writeFile(join(deploy, "bzImage"), kernel);
  await writeFile(join(deploy, "initrd"), "x");
  const path = join(deploy, "image.qemuboot.conf");
  await writeFile(
    path,
    `[config_bsp]
image_link_name = image
machine = qemux86-64
qb_cpu = -cpu max -machine q35
qb_default_fstype = ext4
qb_default_kernel = bzImage
qb_opt_append = -initrd @DEPLOY_DIR_IMAGE@/initrd
staging_bindir_native = ../programs
`,
  );
  return path;
}

async function writeEmpty(path: string): Promise<string> {
  await writeFile(path, "");
  return path;
}

async function readBytes(path: string, offset: number, length: number): Promise<Buffer> {
  await using file = await open(path);
  return (await file.read(Buffer.alloc(length), 0, length, offset)).buffer;
}

test("the disk is the layout's: labels, the root filesystem whole, the data partition empty; the conf boots it", async () => {
  await using bench = await openTestContext();
  const { ctx, folder } = bench;
  const partition = { size: "32M", snapshotter: "btrfs" };
  const made = await writePartitionedImage(ctx, { qemubootPath: await writeImage(bench), folder: join(folder, "made"), partition });
  const image = await readQemuboot(ctx, { path: made });
  expect(image).toMatchObject({
    fsType: "wic",
    rootfsFormat: "raw",
    rootfsMib: 50,
    kernelPath: join(folder, "deploy/bzImage"),
    initrdPath: join(folder, "made/initrd"),
    nativeFolder: join(folder, "programs"),
    qemuboot: { kernelRoot: "/dev/vda1 rw", wicNeedsKernel: true },
  });

  const { stdout } = await ctx.exec.runCheck(["sfdisk", "--json", image.rootfsPath], { env });
  const table = JSON.parse(stdout) as {
    partitiontable: { label: string; partitions: readonly Readonly<Record<string, unknown>>[] };
  };
  expect(table.partitiontable.label).toBe("gpt");
  expect(table.partitiontable.partitions).toMatchObject([
    { name: "root", start: 2048, size: (16 * MIB) / 512 },
    { name: "k3s-data", start: 2048 + (16 * MIB) / 512, size: (32 * MIB) / 512 },
  ]);
  const data = await readBytes(image.rootfsPath, 17 * MIB, 32 * MIB);
  expect(data.every((byte) => byte === 0)).toBe(true);

  const root = join(folder, "root.ext4");
  await writeFile(root, await readBytes(image.rootfsPath, MIB, 16 * MIB));
  await ctx.exec.runCheck(["e2fsck", "-f", "-n", root], { env });
  const listed = await ctx.exec.runCheck(["debugfs", "-R", `stat ${PREPARE_PATH}`, root], { env });
  expect(listed.stdout).toMatch(/Type: regular\s+Mode:\s+0755/u);
  const script = await ctx.exec.runCheck(["debugfs", "-R", `cat ${PREPARE_PATH}`, root], { env });
  expect(script.stdout.trim()).toBe(
    (await readPrepareScript({ partition: "/dev/disk/by-partlabel/k3s-data", snapshotter: "btrfs" })).trim(),
  );
  // What is such an image already is taken as it is.
  await expect(writePartitionedImage(ctx, { qemubootPath: made, folder: join(folder, "again"), partition })).resolves.toBe(made);
});

test("a root filesystem without the folders that the unit goes into is refused", async () => {
  await using bench = await openTestContext();
  const qemubootPath = await writeImage(bench);
  const ext4 = join(bench.folder, "deploy/image.ext4");
  await bench.ctx.exec.runCheck(["mkfs.ext4", "-q", "-F", ext4], { env });
  const making = writePartitionedImage(bench.ctx, {
    qemubootPath,
    folder: join(bench.folder, "made"),
    partition: { size: "32M", snapshotter: "btrfs" },
  });
  await expect(making).rejects.toThrow(`debugfs did not write ${PREPARE_PATH}`);
});
