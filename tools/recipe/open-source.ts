import { cp, mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Context } from "../core/context.ts";
import { ConfigError, DownloadError, IntegrityError, UsageError } from "../core/errors.ts";
import { fetchMainModule } from "../gomod/fetch-modules.ts";
import type { FetchModulesOptions } from "../gomod/fetch-modules.ts";
import { unpackModuleZip } from "../gomod/unpack-module-zip.ts";
import type { Program } from "./parse-versions-file.ts";

/** A program's source, or as much of it as there is. Close it to remove what was made for it. */
export interface ProgramSource extends AsyncDisposable {
  /** Folder of go.mod and go.sum. */
  readonly folder: string;
  readonly goMod: string;
  /** "" when the module has no go.sum, because it needs no other module. */
  readonly goSum: string;
  readonly commit: string | undefined;
  /** h1 hash of the program's own zip, when it came from a module proxy. */
  readonly h1: string | undefined;
}

export interface OpenSourceOptions {
  /** Folder that the user gave: a checkout, or only go.mod and go.sum. */
  readonly given: string | undefined;
  /** Folder that patches are relative to. */
  readonly patchBase: string;
  readonly expectedH1: string | undefined;
  readonly offline: boolean;
  readonly download: Omit<FetchModulesOptions, "goSum">;
}

interface Checkout {
  readonly folder: string;
  readonly commit: string | undefined;
  readonly h1: string | undefined;
  readonly temporary: boolean;
}

/**
 * Opens the source of a program: the folder given, the module's own zip, or its git repository at the tag (or branch, or commit); with the
 * entry's patches applied to a copy. Throws UsageError when the folder has no go.mod, ConfigError when the commit is not the one pinned or a
 * patch does not apply, DownloadError when the source cannot be had.
 */
export async function openSource(ctx: Context, program: Program, options: OpenSourceOptions): Promise<ProgramSource> {
  const checkout = await openCheckout(ctx, program, options);
  const patched = program.patches.length === 0 ? checkout : await patchCopy(ctx, program, checkout, options);
  const folder = join(patched.folder, program.subdir);
  const remove = (): Promise<void> =>
    patched.temporary ? rm(patched.folder, { recursive: true, force: true }) : Promise.resolve();
  try {
    const goMod = await readFile(join(folder, "go.mod"), "utf8");
    const goSum = await readFile(join(folder, "go.sum"), "utf8").catch(() => "");
    return { folder, goMod, goSum, commit: patched.commit, h1: patched.h1, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UsageError(`${folder} has no go.mod`, {
      cause: error,
      hint: "give the folder of the program's go.mod with --source (or subdir in versions.yaml)",
    });
  }
}

function openCheckout(ctx: Context, program: Program, options: OpenSourceOptions): Promise<Checkout> {
  if (options.given !== undefined) return readGivenFolder(ctx, program, resolve(ctx.cwd, options.given));
  if (program.module !== undefined) return fetchFromProxy(ctx, program, program.module, options);
  return fetchFromGit(ctx, program, options);
}

async function git(ctx: Context, folder: string, args: readonly string[]): Promise<string | undefined> {
  const result = await ctx.exec.run(["git", "-C", folder, ...args], { env: { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" } });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

async function readGivenFolder(ctx: Context, program: Program, folder: string): Promise<Checkout> {
  if ((await stat(folder).catch(() => undefined))?.isDirectory() !== true) {
    throw new UsageError(`there is no folder ${folder}`, { hint: "give a checkout of the program with --source DIR" });
  }
  const top = await git(ctx, folder, ["rev-parse", "--show-toplevel"]);
  // A folder with go.mod and go.sum only may lie in some other repository.
  const isCheckout =
    top !== undefined && (await git(ctx, folder, ["ls-files", "--error-unmatch", join(program.subdir, "go.mod")])) !== undefined;
  if (!isCheckout) return { folder, commit: program.commit, h1: undefined, temporary: false };
  const commit = await git(ctx, folder, ["rev-parse", "HEAD"]);
  if (program.commit !== undefined && commit !== program.commit) {
    throw new ConfigError(
      `${folder} is at commit ${commit ?? "unknown"}, and versions.yaml pins ${program.name} to ${program.commit}`,
      {
        hint: `git -C ${folder} checkout ${program.commit}, or change the commit in versions.yaml`,
      },
    );
  }
  const changes = await git(ctx, folder, ["status", "--porcelain", "--untracked-files=no"]);
  if (changes !== undefined && changes !== "")
    ctx.log.warn(`${folder} has changes that are not committed; the recipe will not have them`);
  return { folder, commit, h1: undefined, temporary: false };
}

async function fetchFromProxy(ctx: Context, program: Program, path: string, options: OpenSourceOptions): Promise<Checkout> {
  const module = { path, version: program.version };
  const record = await fetchMainModule(ctx, module, { ...options.download, expected: program.sum ?? options.expectedH1 });
  const folder = join(options.download.store.folder("sources"), record.sha256);
  await unpackModuleZip(options.download.store.zipPath(record.sha256), module, folder);
  return { folder, commit: program.commit, h1: record.zipHash, temporary: false };
}

async function fetchFromGit(ctx: Context, program: Program, options: OpenSourceOptions): Promise<Checkout> {
  const url = program.git ?? "";
  const ref = program.branch ?? program.version;
  const sources = options.download.store.folder("sources");
  const cached = program.commit === undefined ? undefined : join(sources, `git-${program.name}-${program.commit}`);
  if (cached !== undefined && (await stat(cached).catch(() => undefined)) !== undefined) {
    return { folder: cached, commit: program.commit, h1: undefined, temporary: false };
  }
  if (options.offline) {
    throw new DownloadError(`the source of ${program.name} is not in the cache, and --offline forbids to fetch it`, {
      hint: "give a checkout with --source DIR, or go.mod, go.sum and a module list with --modules FILE",
    });
  }
  await mkdir(sources, { recursive: true });
  const folder = await mkdtemp(join(sources, "fetch-"));
  try {
    ctx.log.info(`fetching ${url} at ${ref}`);
    const env = { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" };
    await ctx.exec.runCheck(["git", "init", "--quiet", folder], { env });
    const fetched = await ctx.exec.run(["git", "-C", folder, "fetch", "--quiet", "--depth", "1", url, ref], { env });
    if (fetched.status !== 0) {
      throw new DownloadError(`${url} at ${ref} cannot be fetched: ${fetched.stderr.trim()}`, {
        hint: "give a checkout with --source DIR, or go.mod, go.sum and a module list with --modules FILE",
      });
    }
    const commit = (await ctx.exec.runCheck(["git", "-C", folder, "rev-parse", "FETCH_HEAD^{commit}"], { env })).stdout.trim();
    if (program.commit !== undefined && commit !== program.commit) {
      throw new IntegrityError(`${url} at ${ref} is commit ${commit}, and versions.yaml pins ${program.commit}`, {
        hint: "somebody moved the tag, or the pin is of another version",
      });
    }
    await ctx.exec.runCheck(["git", "-C", folder, "checkout", "--quiet", commit], { env });
    const kept = join(sources, `git-${program.name}-${commit}`);
    await rename(folder, kept).catch(async () => {
      if ((await stat(kept).catch(() => undefined)) === undefined) throw new Error(`cannot keep the source at ${kept}`);
    });
    return { folder: kept, commit, h1: undefined, temporary: false };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function patchCopy(ctx: Context, program: Program, checkout: Checkout, options: OpenSourceOptions): Promise<Checkout> {
  const base = options.download.store.folder("sources");
  await mkdir(base, { recursive: true });
  const folder = await mkdtemp(join(base, "patched-"));
  try {
    await cp(checkout.folder, folder, { recursive: true, filter: (path) => !path.endsWith("/.git") });
    for (const patch of program.patches) {
      const path = isAbsolute(patch) ? patch : resolve(options.patchBase, patch);
      // Outside a repository `git apply` is a strict patch(1); the ceiling keeps it from finding one above the copy.
      const result = await ctx.exec.run(["git", "apply", "--whitespace=nowarn", path], {
        cwd: folder,
        env: { GIT_CEILING_DIRECTORIES: dirname(folder), LC_ALL: "C" },
      });
      if (result.status !== 0)
        throw new ConfigError(`the patch ${patch} does not apply to ${program.name} ${program.version}`, {
          problems: result.stderr.trim().split("\n"),
        });
    }
    return { ...checkout, folder, temporary: true };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
