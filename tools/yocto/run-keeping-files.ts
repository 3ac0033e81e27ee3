import { readFile, rename, rm } from "node:fs/promises";

function keptPath(path: string): string {
  return `${path}.before`;
}

async function read(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(() => undefined);
}

async function putAside(path: string): Promise<void> {
  // What a run that was killed had put aside is older than what it left in place.
  if ((await read(path)) !== undefined) await rename(path, keptPath(path));
}

async function putBack(path: string): Promise<void> {
  const [before, after] = await Promise.all([read(keptPath(path)), read(path)]);
  if (before === undefined) return;
  if (after === undefined || after.equals(before)) await rename(keptPath(path), path);
  else await rm(keptPath(path));
}

/**
 * Runs `act`, which writes these files anew, and puts those back that say the same afterwards or that it did not come to write. BitBake parses every recipe
 * again when the time, the size or the inode of a file of configuration is another (bitbake: lib/bb/parse, cached_mtime), and kas writes both of them each
 * time (kas: libcmds.py, WriteBBConfig). Throws what `act` throws.
 */
export async function runKeepingFiles<T>(paths: readonly string[], act: () => Promise<T>): Promise<T> {
  await Promise.all(paths.map(putAside));
  try {
    return await act();
  } finally {
    await Promise.all(paths.map(putBack));
  }
}
