import { access, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "../core/context.ts";
import { CommandError, ConfigError, DownloadError } from "../core/errors.ts";
import { checkReachability } from "./read-reachability.ts";
import type { Pin } from "./read-pins.ts";
import { removeStaleParts } from "./remove-stale-parts.ts";

/** What to give where the repositories cannot be cloned. */
export const GIVE_SOURCES =
  "give local clones: --sources DIR, where DIR/bitbake, DIR/openembedded-core and DIR/meta-openembedded hold the pinned commits";

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The object store of a clone, work tree or bare. */
async function findObjectStore(clone: string): Promise<string> {
  for (const candidate of [join(clone, ".git/objects"), join(clone, "objects")]) {
    if (await isThere(candidate)) return candidate;
  }
  throw new ConfigError(`${clone} is no git clone`, { hint: GIVE_SOURCES });
}

/**
 * Makes a repository that reads its objects from a local clone (git's alternates), so nothing is copied and the clone's owner does not matter. The
 * local clone must stay where it is.
 */
async function linkClone(ctx: Context, pin: Pin, clone: string, folder: string): Promise<void> {
  const store = await findObjectStore(clone);
  await ctx.exec.runCheck(["git", "init", "-q", folder]);
  await writeFile(join(folder, ".git/objects/info/alternates"), `${store}\n`);
  await ctx.exec.runCheck(["git", "-C", folder, "remote", "add", "origin", pin.url]);
  const found = await ctx.exec.run(["git", "-C", folder, "cat-file", "-e", `${pin.commit}^{commit}`]);
  if (found.status === 0) return;
  throw new ConfigError(`${clone} does not hold ${pin.name}'s pinned commit ${pin.commit}`, {
    hint: `git -C ${clone} fetch --tags ${pin.url}`,
  });
}

async function downloadClone(ctx: Context, pin: Pin, folder: string): Promise<void> {
  ctx.log.info(`cloning ${pin.url}`);
  try {
    await ctx.exec.runCheck(["git", "clone", "-q", "--no-checkout", "--", pin.url, folder], { env: { GIT_TERMINAL_PROMPT: "0" } });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new DownloadError(`cannot clone ${pin.url}: ${error.outputTail.trim().split("\n").at(-1)}`, {
      hint: GIVE_SOURCES,
      cause: error,
    });
  }
}

async function addRepository(
  ctx: Context,
  pin: Pin,
  options: { workFolder: string; localClone: string | undefined },
): Promise<void> {
  const target = join(options.workFolder, pin.path);
  if (await isThere(target)) return;
  const partial = join(dirname(target), `.${pin.name}.${process.pid}.part`);
  await mkdir(dirname(target), { recursive: true });
  try {
    if (options.localClone === undefined) await downloadClone(ctx, pin, partial);
    else await linkClone(ctx, pin, options.localClone, partial);
    await ctx.exec.runCheck(["git", "-C", partial, "checkout", "-q", pin.commit]);
    await rename(partial, target);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/**
 * Makes the pinned repositories in the work folder that are not there yet, each whole or not at all: from local clones below `sources` where
 * given, else from their hosts. Throws DownloadError naming the host that cannot be reached, ConfigError when a local clone lacks its commit.
 */
export async function fetchSources(
  ctx: Context,
  pins: readonly Pin[],
  options: { workFolder: string; sources: string | undefined },
): Promise<void> {
  await removeStaleParts(join(options.workFolder, "sources"));
  const missing = await Promise.all(pins.map(async (pin) => ((await isThere(join(options.workFolder, pin.path))) ? [] : [pin])));
  const wanted = missing.flat();
  const localOf = (pin: Pin): string | undefined => (options.sources === undefined ? undefined : join(options.sources, pin.name));
  const remote = wanted.filter((pin) => localOf(pin) === undefined);
  await checkReachability(ctx, [...new Set(remote.map((pin) => pin.url))], GIVE_SOURCES);
  for (const pin of wanted) await addRepository(ctx, pin, { workFolder: options.workFolder, localClone: localOf(pin) });
}

/** Throws ConfigError for a repository that is not at its pinned commit, which kas leaves so when it has local changes. */
export async function checkSources(ctx: Context, pins: readonly Pin[], workFolder: string): Promise<void> {
  for (const pin of pins) {
    const folder = join(workFolder, pin.path);
    const head = await ctx.exec.runCheck(["git", "-C", folder, "rev-parse", "HEAD"]);
    if (head.stdout.trim() === pin.commit) continue;
    throw new ConfigError(`${folder} is at ${head.stdout.trim()}, not at the pinned ${pin.commit}`, {
      hint: `commit or stash what was changed there, then git -C ${folder} checkout ${pin.commit}`,
    });
  }
}
