import { hash, randomBytes } from "node:crypto";
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { formatProxyPath } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";

const recordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  path: z.string(),
  version: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.number(),
  zipHash: z.string(),
  goModHash: z.string(),
  licenses: z.array(z.strictObject({ file: z.string(), md5: z.string(), sha256: z.string() })),
});

/** What is known of a module's zip, read once from the zip itself. The zip is in the store under its sha256. */
export type ModuleRecord = z.infer<typeof recordSchema>;

/**
 * The store of downloads: zips under their own sha256, a small record for each module, licence texts under their sha256. Several runs may
 * use it at once: whatever is in it was renamed into place whole.
 */
export interface ModuleStore {
  readRecord(module: ModuleVersion): Promise<ModuleRecord | undefined>;
  writeRecord(record: ModuleRecord, texts: readonly Uint8Array[]): Promise<void>;
  /** undefined when it is not there, or not what it was (a power cut: nothing here waits for the disk). */
  readText(sha256: string): Promise<Uint8Array | undefined>;
  zipPath(sha256: string): string;
  hasZip(sha256: string): Promise<boolean>;
  /** Moves a finished download into the store. */
  adoptZip(path: string, sha256: string): Promise<void>;
  /** Puts a file that somebody else owns into the store, by a hard link where the file system can. */
  linkZip(path: string, sha256: string): Promise<void>;
  /** Takes over what an earlier, broken run left of a download, or a new name. Nobody else has this file. */
  claimPart(key: string): Promise<string>;
  /** Leaves an unfinished download for a later run to go on with. */
  leavePart(path: string, key: string): Promise<void>;
  /** A folder for other results that can be had again. */
  folder(name: string): string;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function placeFile(source: string, target: string, place: (from: string, to: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const partial = `${target}.${randomBytes(6).toString("hex")}.part`;
  try {
    await place(source, partial);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function claimPart(partsFolder: string, key: string): Promise<string> {
  const name = hash("sha256", key).slice(0, 32);
  await mkdir(partsFolder, { recursive: true });
  const mine = join(partsFolder, `${name}.${process.pid}-${randomBytes(4).toString("hex")}`);
  const left = (await readdir(partsFolder)).filter((entry) => entry.startsWith(`${name}.`));
  for (const entry of left) {
    const owner = /\.(\d+)-/.exec(entry)?.[1];
    // A rename succeeds for one of several that try.
    if (owner !== undefined && isAlive(Number(owner))) continue;
    const claimed = await rename(join(partsFolder, entry), mine).then(
      () => true,
      () => false,
    );
    if (claimed) return mine;
  }
  await (await open(mine, "wx", 0o644)).close();
  return mine;
}

/** Opens (and makes, when missing) the store in `folder`. */
export function openModuleStore(folder: string): ModuleStore {
  const zipPath = (sha256: string): string => join(folder, "zips", sha256.slice(0, 2), `${sha256}.zip`);
  const textPath = (sha256: string): string => join(folder, "licenses", sha256.slice(0, 2), sha256);
  const recordPath = (module: ModuleVersion): string =>
    join(folder, "modules", formatProxyPath(module, "info").replace(/info$/, "json"));
  const partsFolder = join(folder, "parts");
  const place = async (path: string, sha256: string, how: (from: string, to: string) => Promise<void>): Promise<void> => {
    if (!(await exists(zipPath(sha256)))) await placeFile(path, zipPath(sha256), how);
  };
  return {
    zipPath,
    hasZip: (sha256) => exists(zipPath(sha256)),
    folder: (name) => join(folder, name),
    async readText(sha256) {
      const text = await readFile(textPath(sha256)).catch(() => undefined);
      return text !== undefined && hash("sha256", text) === sha256 ? text : undefined;
    },
    async readRecord(module) {
      const text = await readFile(recordPath(module), "utf8").catch(() => undefined);
      if (text === undefined) return undefined;
      // A record of another form, or damaged, is as good as none: the zip is read again.
      const parsed = recordSchema.safeParse(parseJson(text));
      return parsed.success && parsed.data.path === module.path && parsed.data.version === module.version ? parsed.data : undefined;
    },
    async writeRecord(record, texts) {
      for (const text of texts) {
        const path = textPath(hash("sha256", text));
        if (!(await exists(path))) await placeFile("", path, (_, to) => writeFile(to, text));
      }
      await placeFile("", recordPath(record), (_, to) => writeFile(to, `${JSON.stringify(record)}\n`));
    },
    async adoptZip(path, sha256) {
      await place(path, sha256, rename);
      await rm(path, { force: true });
    },
    linkZip: (path, sha256) => place(path, sha256, linkOrCopy),
    claimPart: (key) => claimPart(partsFolder, key),
    async leavePart(path, key) {
      const name = hash("sha256", key).slice(0, 32);
      await rename(path, join(partsFolder, `${name}.left-${basename(path).split("-").at(-1) ?? ""}`)).catch(() =>
        rm(path, { force: true }),
      );
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
