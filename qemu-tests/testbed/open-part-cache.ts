import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../../tools/core/context.ts";
import { CommandError } from "../../tools/core/errors.ts";
import { waitFor } from "../../tools/core/wait-for.ts";
import { writeFileAtomic } from "../../tools/core/write-file.ts";
import type { PartJob, PartRecord } from "./part.ts";
import { planPrune } from "./plan-parts.ts";
import type { CacheEntry, PlannedPart } from "./plan-parts.ts";

const PARTIAL = "partial-";
const KEEP = 3;
const LOCK_LOOK_MS = 100;
const LOCK_TIMEOUT_MS = 3_600_000;
const ABANDONED_MS = 86_400_000;

const recordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  name: z.string(),
  hash: z.string(),
  inputs: z.record(z.string(), z.string()),
  seconds: z.number(),
});

/** The parts made so far, one folder per part and in it one per hash of its inputs. */
export interface PartCache {
  /** The folder that holds the part's result, if it was made; marks it as used. */
  find(planned: PlannedPart): Promise<string | undefined>;
  /** The same for a name and a hash. */
  findHash(name: string, hash: string): Promise<string | undefined>;
  /** What is known of the part's last making, with whatever inputs. */
  previous(name: string): Promise<PartRecord | undefined>;
  /**
   * Makes the part unless another process just did, and gives its folder. The result appears whole or not at all; what a crashed maker left is
   * removed. While another process makes the same part, `onWait` is called once and this waits.
   */
  make(ctx: Context, planned: PlannedPart, options: MakeOptions): Promise<{ dir: string; seconds: number; shared: boolean }>;
}

export interface MakeOptions {
  readonly need: PartJob["need"];
  readonly onWait: () => void;
}

async function readRecord(path: string): Promise<PartRecord | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    // Written by another version of this program: as good as none, the only loss is the words that say why a part is made again.
    return undefined;
  }
}

/**
 * Holds an exclusive lock until disposed. It is flock(2)'s, held by a child that the kernel ends with this process: no crash leaves it locked.
 */
async function openLock(ctx: Context, path: string, onWait: () => void): Promise<AsyncDisposable> {
  const said = join(tmpdir(), `meta-k3s-lock-${randomUUID()}`);
  const startMs = ctx.clock.monotonicMs();
  const holder = await ctx.exec.spawn(["flock", "--no-fork", path, "sh", "-c", "echo held; exec sleep infinity"], {
    outputFile: said,
    deathSignal: "KILL",
  });
  let ended = false;
  void holder.exited.then(() => (ended = true));
  const release = async (): Promise<void> => {
    holder.kill("SIGKILL");
    await holder.exited;
    await rm(said, { force: true });
  };
  try {
    let waited = false;
    await waitFor(ctx, { condition: `the lock ${path}`, timeoutMs: LOCK_TIMEOUT_MS, intervalMs: LOCK_LOOK_MS }, async () => {
      const text = await readFile(said, "utf8");
      if (text.startsWith("held")) return { done: true, value: undefined };
      if (ended) throw new CommandError(`cannot lock ${path}: ${text.trim()}`, { argv: holder.argv });
      if (!waited && ctx.clock.monotonicMs() - startMs > 2 * LOCK_LOOK_MS) {
        waited = true;
        onWait();
      }
      return { done: false, seen: "another process holds it" };
    });
  } catch (error) {
    await release();
    throw error;
  }
  return { [Symbol.asyncDispose]: release };
}

/** Opens the cache in `root`. `removeTree` deletes folders that may hold files of other owners. */
export function openPartCache(root: string, removeTree: (path: string) => Promise<void>): PartCache {
  const partDir = (name: string): string => join(root, name);
  const entryDir = (planned: PlannedPart): string => join(partDir(planned.part.name), planned.hash);

  async function findHash(name: string, hash: string): Promise<string | undefined> {
    const dir = join(partDir(name), hash);
    const now = new Date();
    try {
      await utimes(dir, now, now);
      return dir;
    } catch {
      return undefined;
    }
  }

  const find = async (planned: PlannedPart): Promise<string | undefined> => findHash(planned.part.name, planned.hash);

  /** What a crashed maker of this very entry left, and what others left long ago; a maker of another entry may be at work. */
  async function removeLeftovers(ctx: Context, planned: PlannedPart): Promise<void> {
    const { name } = planned.part;
    for (const entry of await readdir(partDir(name))) {
      if (!entry.startsWith(PARTIAL)) continue;
      const path = join(partDir(name), entry);
      const info = await stat(path).catch(() => undefined);
      if (info === undefined) continue;
      const abandoned = entry.startsWith(`${PARTIAL}${planned.hash}`) || ctx.clock.nowMs() - info.mtimeMs > ABANDONED_MS;
      if (!abandoned) continue;
      ctx.log.debug(`removing ${path}, left by a build that was interrupted`);
      await removeTree(path);
    }
  }

  async function prune(name: string): Promise<void> {
    const entries: CacheEntry[] = [];
    for (const hash of await readdir(partDir(name))) {
      if (!/^[0-9a-f]{32}$/u.test(hash)) continue;
      // Another builder may be pruning too: what is gone is gone.
      const info = await stat(join(partDir(name), hash)).catch(() => undefined);
      if (info !== undefined) entries.push({ hash, usedAtMs: info.mtimeMs });
    }
    for (const entry of planPrune(entries, KEEP)) {
      // Renamed first, so that nobody finds half an entry.
      const doomed = join(partDir(name), `${PARTIAL}${entry.hash}`);
      const renamed = await rename(join(partDir(name), entry.hash), doomed).then(
        () => true,
        () => false,
      );
      if (renamed) await removeTree(doomed);
    }
  }

  async function make(
    ctx: Context,
    planned: PlannedPart,
    options: MakeOptions,
  ): Promise<{ dir: string; seconds: number; shared: boolean }> {
    const { part, hash, inputs } = planned;
    await mkdir(partDir(part.name), { recursive: true });
    const lockPath = join(partDir(part.name), `${hash}.lock`);
    await using _lock = await openLock(ctx, lockPath, options.onWait);
    const made = await find(planned);
    if (made !== undefined) return { dir: made, seconds: 0, shared: true };
    await removeLeftovers(ctx, planned);
    const partial = await mkdtemp(join(partDir(part.name), `${PARTIAL}${hash}-`));
    const startMs = ctx.clock.monotonicMs();
    try {
      await part.build(ctx, { dir: partial, need: options.need });
      const seconds = Math.round((ctx.clock.monotonicMs() - startMs) / 100) / 10;
      const record: PartRecord = { schemaVersion: 1, name: part.name, hash, inputs, seconds };
      await writeFileAtomic(join(partial, "part.json"), `${JSON.stringify(record, null, 2)}\n`);
      await rename(partial, entryDir(planned));
      await writeFileAtomic(join(partDir(part.name), "last.json"), `${JSON.stringify(record, null, 2)}\n`);
      await find(planned);
      await prune(part.name);
      // Whoever waits for this very file gets it, unlinked, and finds the part made; whoever comes later finds the part made at once.
      await rm(lockPath, { force: true });
      return { dir: entryDir(planned), seconds, shared: false };
    } catch (error) {
      await removeTree(partial);
      throw error;
    }
  }

  return { find, findHash, previous: (name) => readRecord(join(partDir(name), "last.json")), make };
}
