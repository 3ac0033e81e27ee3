import { access, constants, mkdir, statfs } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import type { Context, Env } from "../core/context.ts";
import type { HostNeed, HostState, Probe } from "./host-need.ts";

const MIB = 1024 * 1024;
/** Debian keeps mkfs and the like where an ordinary user's PATH does not look. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Folder of everything that can be made again: ${XDG_CACHE_HOME:-~/.cache}/meta-k3s (XDG Base Directory Specification). */
export function cacheFolderOf(env: Env): string {
  const base = env["XDG_CACHE_HOME"];
  return join(base !== undefined && base.startsWith("/") ? base : join(env["HOME"] ?? "/", ".cache"), "meta-k3s");
}

async function isThere(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

async function hasCommand(name: string, env: Env): Promise<boolean> {
  const folders = [...(env["PATH"] ?? "").split(":"), ...SYSTEM_FOLDERS].filter((folder) => folder !== "");
  const found = await Promise.all(folders.map((folder) => isThere(join(folder, name), constants.X_OK)));
  return found.includes(true);
}

async function isPresent(probe: Probe, ctx: Context): Promise<boolean> {
  switch (probe.kind) {
    case "command":
      return hasCommand(probe.command, ctx.env);
    case "file":
      return isThere(probe.path, constants.R_OK);
    case "python-module":
      return (
        (await hasCommand("python3", ctx.env)) && (await ctx.exec.run(["python3", "-c", `import ${probe.module}`])).status === 0
      );
  }
}

/** Looks at the host: which needs it has, and its size. Makes the cache folder to see the space on its file system. */
export async function readHostState(ctx: Context, needs: readonly HostNeed[]): Promise<HostState> {
  const cacheFolder = cacheFolderOf(ctx.env);
  await mkdir(cacheFolder, { recursive: true });
  const space = await statfs(cacheFolder);
  const found = await Promise.all(needs.map(async (need) => ((await isPresent(need.probe, ctx)) ? need.name : undefined)));
  return {
    platform: process.platform,
    arch: process.arch,
    cpus: cpus().length,
    memoryMib: Math.round(totalmem() / MIB),
    cacheFreeMib: Math.round((space.bavail * space.bsize) / MIB),
    cacheFolder,
    isRoot: process.getuid?.() === 0,
    hasSudo: await hasCommand("sudo", ctx.env),
    hasApt: await hasCommand("apt-get", ctx.env),
    present: new Set(found.filter((name) => name !== undefined)),
  };
}
