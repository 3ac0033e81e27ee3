import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** A file to be written. */
export interface FileToWrite {
  /** Absolute. */
  readonly path: string;
  readonly content: string;
}

interface Staged {
  readonly partial: string;
  readonly path: string;
}

/**
 * Writes several files whole or not at all: each is written in full and flushed beside its target, and only when all of them are, they are renamed into
 * place. A failure (no space, no permission) leaves every old file as it was. Partial files that a killed run left are removed. Errors are
 * those of node:fs.
 */
export async function writeFilesTogether(files: readonly FileToWrite[]): Promise<void> {
  const staged: Staged[] = [];
  try {
    for (const file of files) {
      await mkdir(dirname(file.path), { recursive: true });
      await removeLeftovers(file.path);
      const partial = `${file.path}.${process.pid}-${randomBytes(4).toString("hex")}.part`;
      staged.push({ partial, path: file.path });
      const handle = await open(partial, "wx", 0o644);
      try {
        await handle.writeFile(file.content);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
    for (const { partial, path } of staged) await rename(partial, path);
  } catch (error) {
    await Promise.all(staged.map(({ partial }) => rm(partial, { force: true })));
    throw error;
  }
}

async function removeLeftovers(path: string): Promise<void> {
  const pattern = new RegExp(`^${RegExp.escape(basename(path))}\\.(\\d+)-[0-9a-f]{8}\\.part$`);
  for (const name of await readdir(dirname(path))) {
    const owner = pattern.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) await rm(join(dirname(path), name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
