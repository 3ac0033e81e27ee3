import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../core/errors.ts";
import { readQemuboot } from "./read-qemuboot.ts";

const CONF = `[config_bsp]
deploy_dir_image = .
image_link_name = image-qemux86-64
machine = qemux86-64
qb_cpu = -cpu max -machine q35
qb_default_fstype = ext4
qb_default_kernel = bzImage
`;
const MIB = 2 ** 20;
let folder = "";

/** An ext4 superblock (Linux: ext4 super.rst) for a file system of `mib` MiB in blocks of 4096 bytes. */
function extHeader(mib: number): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.writeUInt32LE((mib * MIB) / 4096, 1024 + 4);
  bytes.writeUInt32LE(2, 1024 + 0x18);
  bytes.writeUInt16LE(0xef53, 1024 + 0x38);
  return bytes;
}

/** The first header of a GPT (UEFI 2.10, 5.3.2) for a disk of `mib` MiB. */
function gptHeader(mib: number): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.writeUInt16LE(0xaa55, 510);
  bytes.write("EFI PART", 512);
  bytes.writeBigUInt64LE(BigInt((mib * MIB) / 512 - 1), 512 + 32);
  return bytes;
}

function kernel(): Buffer {
  const bytes = Buffer.alloc(2048);
  bytes.write("HdrS", 0x202);
  return bytes;
}

async function write(name: string, content: string | Uint8Array, sizeMib?: number): Promise<void> {
  await writeFile(join(folder, name), content);
  if (sizeMib !== undefined) await truncate(join(folder, name), sizeMib * MIB);
}

async function problemsOf(path = "image.qemuboot.conf"): Promise<readonly string[]> {
  try {
    await readQemuboot({ cwd: folder }, { path });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "read-qemuboot-"));
  await write("image.qemuboot.conf", CONF);
  await write("bzImage", kernel());
  await write("image-qemux86-64.ext4", extHeader(8), 8);
});

afterEach(() => rm(folder, { recursive: true }));

test("kernel and root filesystem are found beside the file", async () => {
  await expect(readQemuboot({ cwd: folder }, { path: "image.qemuboot.conf" })).resolves.toMatchObject({
    folder,
    kernelPath: join(folder, "bzImage"),
    rootfsPath: join(folder, "image-qemux86-64.ext4"),
    fsType: "ext4",
    rootfsFormat: "raw",
    rootfsMib: 8,
  });
});

test("a file that is not there is told as such", async () => {
  await expect(readQemuboot({ cwd: folder }, { path: "nowhere.qemuboot.conf" })).rejects.toThrow(
    "cannot read nowhere.qemuboot.conf: there is no such file",
  );
});

test("kernel and image missing are both told", async () => {
  await rm(join(folder, "bzImage"));
  await rm(join(folder, "image-qemux86-64.ext4"));
  expect(await problemsOf()).toEqual([`no root filesystem image-qemux86-64*.ext4 in ${folder}`, `no kernel bzImage in ${folder}`]);
});

test("an image that is no ext4 is corrupt", async () => {
  await write("image-qemux86-64.ext4", "this is text", 8);
  expect(await problemsOf()).toEqual([
    "image-qemux86-64.ext4 is corrupt or not what its name says: it should be ext4, but its first bytes are those of no known image",
  ]);
});

test("an image of zeros is corrupt", async () => {
  await write("image-qemux86-64.ext4", "", 8);
  expect(await problemsOf()).toEqual([
    "image-qemux86-64.ext4 is corrupt or not what its name says: it should be ext4, but its first bytes are all zero",
  ]);
});

test("an image that was cut short is told with both sizes", async () => {
  await write("image-qemux86-64.ext4", extHeader(8), 5);
  expect(await problemsOf()).toEqual([
    `image-qemux86-64.ext4 is cut short: its file system is ${8 * MIB} bytes, the file only ${5 * MIB}`,
  ]);
});

test("an empty image and an empty kernel are told", async () => {
  await write("image-qemux86-64.ext4", "");
  await write("bzImage", "");
  expect(await problemsOf()).toEqual(["image-qemux86-64.ext4 is empty", "the kernel bzImage is empty"]);
});

test("a kernel for another architecture, and something that is no kernel", async () => {
  const arm = Buffer.alloc(2048);
  arm.write("ARMd", 0x38);
  await write("bzImage", arm);
  expect(await problemsOf()).toEqual(["bzImage is a kernel for aarch64, not for x86_64"]);
  await write("bzImage", "text");
  expect(await problemsOf()).toEqual(["bzImage is no Linux kernel"]);
});

test("a compressed image is refused with the command that unpacks it, and passed over once unpacked", async () => {
  await write("image.qemuboot.conf", CONF.replace("= ext4", "= ext4.zst"));
  await write("image-qemux86-64.ext4.zst", "zst");
  expect(await problemsOf()).toEqual([]);
  await rm(join(folder, "image-qemux86-64.ext4"));
  expect((await problemsOf())[0]).toContain('image-qemux86-64.ext4.zst is compressed: unpack it with "zstd -d');
});

test("an initrd that is not there is told; one that is, is taken", async () => {
  await write("image.qemuboot.conf", `${CONF}qb_opt_append = -initrd @DEPLOY_DIR_IMAGE@/initrd\n`);
  expect(await problemsOf()).toEqual([`no initrd ${join(folder, "initrd")}`]);
  await write("initrd", "x");
  expect(await problemsOf()).toEqual([]);
});

test("a qcow2 image gives its virtual size", async () => {
  await write("image.qemuboot.conf", CONF.replace("= ext4", "= qcow2"));
  const header = Buffer.alloc(512);
  header.write("QFI\u00fb", 0, "latin1");
  header.writeBigUInt64BE(BigInt(300 * MIB), 24);
  await write("image-qemux86-64.qcow2", header);
  await expect(readQemuboot({ cwd: folder }, { path: "image.qemuboot.conf" })).resolves.toMatchObject({
    rootfsFormat: "qcow2",
    rootfsMib: 300,
  });
});

test("a wic image gets the kernel from outside where it holds none, and only there", async () => {
  const conf = CONF.replace("= ext4", "= wic");
  await write("image-qemux86-64.wic", gptHeader(8), 8);
  await write("image-qemux86-64.wic.qcow2", "not this one");
  await write("image.qemuboot.conf", `${conf}qb_fsinfo = wic:no-kernel-in-fs\nqb_kernel_root = /dev/vda1\n`);
  await expect(readQemuboot({ cwd: folder }, { path: "image.qemuboot.conf" })).resolves.toMatchObject({
    kernelPath: join(folder, "bzImage"),
    rootfsPath: join(folder, "image-qemux86-64.wic"),
    fsType: "wic",
    rootfsFormat: "raw",
    rootfsMib: 8,
  });
  await write("image.qemuboot.conf", conf);
  await expect(readQemuboot({ cwd: folder }, { path: "image.qemuboot.conf" })).resolves.toMatchObject({ kernelPath: undefined });
});

test("a partitioned image that was cut short is told with both sizes", async () => {
  await write("image.qemuboot.conf", CONF.replace("= ext4", "= wic"));
  await write("image-qemux86-64.wic", gptHeader(8), 5);
  expect(await problemsOf()).toEqual([
    `image-qemux86-64.wic is cut short: its partition table is for a disk of ${8 * MIB} bytes, the file only ${5 * MIB}`,
  ]);
});
