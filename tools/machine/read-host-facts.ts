import { constants } from "node:fs";
import { access, readFile, statfs } from "node:fs/promises";
import { arch as hostArch, availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import type { Context } from "../core/context.ts";
import type { Architecture } from "./machine-spec.ts";
import { runFolderBase } from "./open-run-folder.ts";
import type { QemuVersion } from "./parse-qemu-version.ts";
import { parseQemuVersion } from "./parse-qemu-version.ts";

/** What the host offers a machine. */
export interface HostFacts {
  /** The host's own architecture in QEMU's words, or Node's word where QEMU emulates it here anyway. */
  readonly arch: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly memoryAvailableMib: number;
  /** The image's own or that on PATH; undefined when there is neither. */
  readonly qemu: { readonly path: string; readonly version: QemuVersion } | undefined;
  /** qemu-img and ssh-keygen, where they are on PATH. */
  readonly qemuImgPath: string | undefined;
  readonly sshKeygenPath: string | undefined;
  /** Where the run's folders and overlays are made, and how much is free there. */
  readonly runFolderBase: string;
  readonly diskFreeMib: number;
}

/** The absolute path of a program on the context's PATH; undefined when it is not there. */
export async function findProgram(ctx: Pick<Context, "env">, name: string): Promise<string | undefined> {
  for (const folder of (ctx.env["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

async function readMemory(): Promise<{ total: number; available: number }> {
  const text = await readFile("/proc/meminfo", "utf8");
  const mib = (key: string): number => Math.floor(Number(new RegExp(`^${key}:\\s+(\\d+)`, "mu").exec(text)?.[1] ?? 0) / 1024);
  return { total: mib("MemTotal"), available: mib("MemAvailable") };
}

/** Looks for the image's own QEMU first, as runqemu does: the build that made the image tested it with that one. */
async function findQemu(
  ctx: Context,
  options: { arch: Architecture; nativeFolder: string | undefined },
): Promise<string | undefined> {
  const name = `qemu-system-${options.arch}`;
  const own = options.nativeFolder === undefined ? undefined : await findProgram({ env: { PATH: options.nativeFolder } }, name);
  return own ?? findProgram(ctx, name);
}

/**
 * Looks at the host with a machine of `arch` in mind; `nativeFolder` is the image's STAGING_BINDIR_NATIVE. A missing program is a fact here,
 * and an error only for who needs it.
 */
export async function readHostFacts(
  ctx: Context,
  options: { arch: Architecture; nativeFolder: string | undefined },
): Promise<HostFacts> {
  const path = await findQemu(ctx, options);
  const version =
    path === undefined ? undefined : parseQemuVersion((await ctx.exec.run([path, "--version"], { timeoutMs: 20_000 })).stdout);
  const memory = await readMemory();
  const base = runFolderBase(ctx.env);
  const disk = await statfs(base.parent);
  return {
    arch: hostArch() === "x64" ? "x86_64" : hostArch() === "arm64" ? "aarch64" : hostArch(),
    cpus: availableParallelism(),
    memoryMib: memory.total,
    memoryAvailableMib: memory.available,
    qemu: path === undefined || version === undefined ? undefined : { path, version },
    qemuImgPath: await findProgram(ctx, "qemu-img"),
    sshKeygenPath: await findProgram(ctx, "ssh-keygen"),
    runFolderBase: base.path,
    diskFreeMib: Math.floor((disk.bavail * disk.bsize) / 2 ** 20),
  };
}
