import { randomBytes } from "node:crypto";
import { lstat, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Context, Env } from "../core/context.ts";
import { PreflightError } from "../core/errors.ts";

/** A private folder (0700) for one machine: sockets, keys, overlays. Removed when disposed. */
export interface RunFolder extends AsyncDisposable {
  readonly path: string;
}

/** sun_path of a Unix socket holds 108 bytes with its final zero (unix(7)); the longest name made in a run folder is short. */
const LONGEST_FOLDER = 90;

/**
 * Where run folders are made: in $TMPDIR, else in /var/tmp, as QEMU does for its own temporary disks: overlays grow to gigabytes, and
 * /tmp is memory on many hosts.
 */
export function runFolderBase(env: Env): { parent: string; path: string } {
  const parent = env["TMPDIR"] === undefined || env["TMPDIR"] === "" ? "/var/tmp" : env["TMPDIR"];
  return { parent, path: join(parent, `meta-k3s-${process.getuid?.() ?? 0}`) };
}

/** Field 22 of /proc/PID/stat, the start time, makes a process id unmistakable on one boot; undefined when there is no such process. */
async function readStartTime(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The command's name, in brackets, may hold blanks and brackets itself.
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

async function readOwner(): Promise<string> {
  const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  return `${process.pid} ${await readStartTime(process.pid)} ${bootId}`;
}

async function isAlive(owner: string, bootId: string): Promise<boolean> {
  const [pid = "", startTime, itsBootId] = owner.trim().split(" ");
  return itsBootId === bootId && (await readStartTime(Number(pid))) === startTime;
}

async function openBase(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700, recursive: true });
  const info = await lstat(path);
  if (!info.isDirectory() || info.uid !== process.getuid?.() || (info.mode & 0o077) !== 0) {
    throw new PreflightError(`${path} is not a private folder of this user`, {
      checks: [
        {
          name: "run folder",
          found: `${path} belongs to somebody else or is open to others`,
          repair: "TMPDIR=/another/folder ./meta-k3s …",
        },
      ],
      hint: "remove it, or set TMPDIR to a folder of your own",
    });
  }
}

/** Removes the folders of runs whose process is gone, however it went. A folder without an owner yet is only just being made. */
async function sweep(ctx: Pick<Context, "log">, base: string, bootId: string): Promise<void> {
  for (const name of await readdir(base)) {
    if (!/^(run|new)-/u.test(name)) continue;
    const path = join(base, name);
    const owner = await readFile(join(path, "owner"), "utf8").catch(() => undefined);
    if (owner === undefined || (await isAlive(owner, bootId))) continue;
    ctx.log.debug(`removing ${path}, left behind by a run that was killed`);
    await rm(path, { recursive: true, force: true });
  }
}

/**
 * Makes a run folder and sweeps away those that killed runs left behind (told by process id, its start time and the host's boot id). Throws
 * PreflightError when the place is not private or its path too long for a socket.
 */
export async function openRunFolder(ctx: Pick<Context, "env" | "log">): Promise<RunFolder> {
  const base = runFolderBase(ctx.env).path;
  if (base.length > LONGEST_FOLDER) {
    throw new PreflightError(`the folder for temporary files has too long a path for a socket: ${base}`, {
      hint: "set TMPDIR to a shorter one, such as /var/tmp",
    });
  }
  await openBase(base);
  const owner = await readOwner();
  await sweep(ctx, base, owner.split(" ")[2] ?? "");
  // The owner is written before the folder gets the name that is handed out.
  const fresh = await mkdtemp(join(base, "new-"));
  await writeFile(join(fresh, "owner"), `${owner}\n`, { mode: 0o600 });
  const path = join(base, `run-${basename(fresh).slice(4)}${randomBytes(2).toString("hex")}`);
  await rename(fresh, path);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
