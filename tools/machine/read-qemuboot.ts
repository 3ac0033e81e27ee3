import { glob, open, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Context } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import type { ImageHeader } from "./parse-image-header.ts";
import { HEADER_BYTES, parseImageHeader, parseKernelHeader } from "./parse-image-header.ts";
import type { Qemuboot } from "./parse-qemuboot.ts";
import { parseQemuboot } from "./parse-qemuboot.ts";

/** A qemuboot.conf and the files it stands for, found and looked at. */
export interface ImageFiles {
  readonly qemuboot: Qemuboot;
  readonly qemubootPath: string;
  /** The folder that holds the qemuboot.conf: DEPLOY_DIR_IMAGE, as runqemu sees it. */
  readonly folder: string;
  /** STAGING_BINDIR_NATIVE: the folder of programs, QEMU among them, that the image's build used; it may not be there (any more). */
  readonly nativeFolder: string | undefined;
  readonly kernelPath: string | undefined;
  readonly initrdPath: string | undefined;
  readonly rootfsPath: string;
  /** "ext4", "wic", "wic.qcow2" …: the file's own suffix. */
  readonly fsType: string;
  readonly rootfsFormat: "raw" | "qcow2";
  /** Size of the disk that the guest would see, MiB, rounded up. */
  readonly rootfsMib: number;
}

async function readHeader(path: string): Promise<{ bytes: Uint8Array; size: number }> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return { bytes: buffer.subarray(0, bytesRead), size };
  } finally {
    await file.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}

/** The first file that matches, patterns in order, newest first within one. */
async function findFile(folder: string, patterns: readonly string[]): Promise<string | undefined> {
  for (const pattern of patterns) {
    const found: { path: string; mtimeMs: number }[] = [];
    for await (const name of glob(pattern, { cwd: folder })) {
      const path = join(folder, name);
      const info = await stat(path).catch(() => undefined);
      if (info?.isFile() === true) found.push({ path, mtimeMs: info.mtimeMs });
    }
    found.sort((a, b) => b.mtimeMs - a.mtimeMs);
    if (found[0] !== undefined) return found[0].path;
  }
  return undefined;
}

const KIND_OF_SUFFIX: Readonly<Record<string, readonly ImageHeader["kind"][]>> = {
  ext2: ["ext"],
  ext3: ["ext"],
  ext4: ["ext"],
  btrfs: ["btrfs"],
  squashfs: ["squashfs"],
  erofs: ["erofs"],
  wic: ["partitioned"],
  qcow2: ["qcow2"],
  "wic.qcow2": ["qcow2"],
};

/** Says what is wrong with an image, or undefined. */
function judgeImage(path: string, fsType: string, header: ImageHeader, size: number): string | undefined {
  const name = basename(path);
  if (size === 0) return `${name} is empty`;
  const expected = KIND_OF_SUFFIX[fsType];
  if (expected === undefined)
    return `${name} is of a type that meta-k3s cannot boot: ${fsType} (it can: ${Object.keys(KIND_OF_SUFFIX).join(", ")})`;
  if (!expected.includes(header.kind)) {
    const found = { empty: "all zero", unknown: "those of no known image" }[header.kind as string] ?? `those of ${header.kind}`;
    return `${name} is corrupt or not what its name says: it should be ${fsType}, but its first bytes are ${found}`;
  }
  if (header.kind !== "qcow2" && header.sizeBytes !== undefined && header.sizeBytes > size) {
    const part = header.kind === "partitioned" ? "partition table is for a disk of" : "file system is";
    return `${name} is cut short: its ${part} ${header.sizeBytes} bytes, the file only ${size}`;
  }
  return undefined;
}

async function judgeKernel(path: string, qemuboot: Qemuboot): Promise<string | undefined> {
  const { bytes, size } = await readHeader(path);
  if (size === 0) return `the kernel ${basename(path)} is empty`;
  const kind = parseKernelHeader(bytes);
  if (kind === undefined) return `${basename(path)} is no Linux kernel`;
  if (kind !== "elf" && kind !== "compressed" && kind !== qemuboot.arch)
    return `${basename(path)} is a kernel for ${kind}, not for ${qemuboot.arch}`;
  return undefined;
}

async function findRootfs(folder: string, qemuboot: Qemuboot, fsType: string): Promise<string | undefined> {
  return findFile(
    folder,
    qemuboot.imageNames.map((name) => `${name}*.${fsType}`),
  );
}

/**
 * Reads a `*.qemuboot.conf` and finds its kernel, initrd and root filesystem beside it, as runqemu does (DEPLOY_DIR_IMAGE is the folder
 * of the file). `fsType` overrides QB_DEFAULT_FSTYPE. Throws ConfigError with everything that is missing or not what its name says.
 */
export async function readQemuboot(
  ctx: Pick<Context, "cwd">,
  options: { path: string; fsType?: string | undefined },
): Promise<ImageFiles> {
  const qemubootPath = resolve(ctx.cwd, options.path);
  const hint = "give the *.qemuboot.conf that lies beside the image in BitBake's deploy folder, or the testbed's";
  const text = await readFile(qemubootPath, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error && "code" in cause && cause.code === "ENOENT" ? "there is no such file" : String(cause);
    throw new ConfigError(`cannot read ${options.path}: ${reason}`, { hint, cause });
  });
  const qemuboot = parseQemuboot(text, options.path);
  const folder = await realpath(dirname(qemubootPath));
  const native = qemuboot.values["STAGING_BINDIR_NATIVE"];
  const problems: string[] = [];

  let fsType = options.fsType ?? qemuboot.fsType;
  let rootfsPath = await findRootfs(folder, qemuboot, fsType);
  if (fsType.endsWith(".zst")) {
    const plain = fsType.slice(0, -4);
    const unpacked = await findRootfs(folder, qemuboot, plain);
    if (unpacked === undefined && rootfsPath !== undefined) {
      problems.push(
        `${basename(rootfsPath)} is compressed: unpack it with "zstd -d ${rootfsPath}", or build with IMAGE_FSTYPES += "ext4"`,
      );
    } else {
      rootfsPath = unpacked;
      fsType = plain;
    }
  }
  let rootfsMib = 0;
  if (rootfsPath === undefined) {
    problems.push(`no root filesystem ${qemuboot.imageNames.map((name) => `${name}*.${fsType}`).join(" or ")} in ${folder}`);
  } else if (problems.length === 0) {
    const { bytes, size } = await readHeader(rootfsPath);
    const header = parseImageHeader(bytes);
    const problem = judgeImage(rootfsPath, fsType, header, size);
    if (problem !== undefined) problems.push(problem);
    rootfsMib = Math.ceil(((header.kind === "qcow2" ? header.sizeBytes : undefined) ?? size) / 2 ** 20);
  }

  let kernelPath: string | undefined;
  if (qemuboot.kernelName !== undefined && (!fsType.startsWith("wic") || qemuboot.wicNeedsKernel)) {
    const type = qemuboot.kernelImageType;
    kernelPath = await findFile(folder, [qemuboot.kernelName, ...(type === "" ? [] : [type, `${type}*`])]);
    const problem =
      kernelPath === undefined ? `no kernel ${qemuboot.kernelName} in ${folder}` : await judgeKernel(kernelPath, qemuboot);
    if (problem !== undefined) problems.push(problem);
  }
  const initrdPath =
    qemuboot.initrd === undefined ? undefined : resolve(folder, qemuboot.initrd.replaceAll("@DEPLOY_DIR_IMAGE@", folder));
  if (initrdPath !== undefined && !(await isFile(initrdPath))) problems.push(`no initrd ${initrdPath}`);

  if (problems.length > 0 || rootfsPath === undefined) {
    throw new ConfigError(`${options.path} cannot be booted: ${problems.join("; ")}`, { problems, hint });
  }
  return {
    qemuboot,
    qemubootPath,
    folder,
    nativeFolder: native === undefined || native === "" ? undefined : resolve(folder, native),
    kernelPath: kernelPath === undefined ? undefined : await realpath(kernelPath),
    initrdPath,
    rootfsPath: await realpath(rootfsPath),
    fsType,
    rootfsFormat: fsType.endsWith("qcow2") ? "qcow2" : "raw",
    rootfsMib,
  };
}
