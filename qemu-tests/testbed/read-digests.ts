import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import pLimit from "p-limit";

/** Files that are open at once: a process may often have no more than 1024, and not for this alone. */
const OPEN_FILES = 32;

/** sha256 of a file's content, in hex. Errors are those of node:fs. */
export async function readFileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

/**
 * Digests of every file below `dir`, by path relative to `base`: content, and whether it is executable; a symbolic link counts with its target.
 * Neither git nor time stamps matter. `skip` names files and folders to leave out.
 */
export async function readTreeDigests(
  dir: string,
  options: { base: string; skip?: (name: string) => boolean },
): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  const limit = pLimit(OPEN_FILES);
  async function visit(folder: string): Promise<void> {
    const names = (await limit(() => readdir(folder))).filter((name) => options.skip?.(name) !== true);
    await Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        const info = await limit(() => lstat(path));
        if (info.isDirectory()) {
          await visit(path);
        } else if (info.isSymbolicLink()) {
          digests[relative(options.base, path)] = `-> ${await readlink(path)}`;
        } else if (info.isFile()) {
          digests[relative(options.base, path)] =
            `${(info.mode & 0o111) === 0 ? "" : "x "}${await limit(() => readFileDigest(path))}`;
        }
      }),
    );
  }
  await visit(dir);
  return digests;
}
