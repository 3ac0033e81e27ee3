import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { createTwoFilesPatch } from "diff";
import type { Context } from "../core/context.ts";
import { formatDiskError } from "../core/format-disk-error.ts";
import { DriftError, UsageError } from "../core/errors.ts";
import type { FetchPatience } from "../gomod/fetch-file.ts";
import { openModuleStore } from "../gomod/open-module-store.ts";
import { cacheFolderOf } from "../host/read-host-state.ts";
import { parseK3sVersion } from "../release/parse-k3s-version.ts";
import { readRecordedReleases } from "../release/read-recorded-releases.ts";
import { formatLock, parseLock, planRecipeData } from "./parse-lock.ts";
import type { Lock } from "./parse-lock.ts";
import { parseVersionsFile } from "./parse-versions-file.ts";
import type { Program } from "./parse-versions-file.ts";
import { planVersionChange } from "./plan-version-change.ts";
import { hashEntry, readRecipeLock } from "./read-recipe-lock.ts";
import { readTemplates } from "./read-templates.ts";
import { renderRecipe } from "./render-recipe.ts";
import { writeFilesTogether } from "./write-files-together.ts";
import type { FileToWrite } from "./write-files-together.ts";

export interface GenerateRequest {
  /** Absolute path of versions.yaml; recipes' folders are relative to its folder. */
  readonly versionsFile: string;
  /** undefined: every program that has a lock (for a check). */
  readonly name: string | undefined;
  /** Another version than versions.yaml has. */
  readonly version: string | undefined;
  readonly source: string | undefined;
  readonly modules: string | undefined;
  readonly downloads: string | undefined;
  readonly offline: boolean;
  /** How patient downloads are; usualPatience by default. */
  readonly patience?: FetchPatience;
}

/** A file and what stands in it now; `before` is undefined when it is not there. */
export interface FileChange {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string;
}

export interface Generated {
  readonly lock: Lock;
  /** Every file of the recipe, changed or not. */
  readonly files: readonly FileChange[];
}

/** Reads versions.yaml. Throws UsageError when it is not there, ConfigError when it is wrong. */
export async function readPrograms(versionsFile: string): Promise<ReadonlyMap<string, Program>> {
  const text = await readFile(versionsFile, "utf8").catch((error: unknown) => {
    throw new UsageError(`${versionsFile} cannot be read`, { cause: error, hint: "say where it is with --config FILE" });
  });
  return parseVersionsFile(text, versionsFile);
}

/** The store of downloads that all commands share. */
export function openGenerateStore(ctx: Context): ReturnType<typeof openModuleStore> {
  return openModuleStore(join(cacheFolderOf(ctx.env), "modules"));
}

function lockPath(root: string, program: Program): string {
  return join(root, program.folder, `${program.name}.lock.json`);
}

function requireProgram(programs: ReadonlyMap<string, Program>, name: string): Program {
  const program = programs.get(name);
  if (program !== undefined) return program;
  throw new UsageError(`versions.yaml has no program "${name}"`, {
    hint: `it has ${[...programs.keys()].toSorted().join(", ")}; a new one is one line there`,
  });
}

async function atVersion(program: Program, version: string | undefined): Promise<Program> {
  if (version === undefined || version === program.version) return program;
  if (program.release === "k3s" && parseK3sVersion(version) === undefined) {
    throw new UsageError(`"${version}" is not a version of k3s`, {
      hint: `write it as its tag is named: ${program.version}; ./meta-k3s releases lists them`,
    });
  }
  const recorded = program.release === undefined ? undefined : (await readRecordedReleases()).releases[version];
  // The pins were those of the other version.
  const { commit: _commit, sum: _sum, ...rest } = program;
  return { ...rest, version, ...(recorded?.commit === undefined ? {} : { commit: recorded.commit }) };
}

async function readLockOf(root: string, program: Program): Promise<Lock | undefined> {
  const path = lockPath(root, program);
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseLock(text, relative(root, path));
}

async function compareFiles(
  root: string,
  program: Program,
  lock: Lock,
  extra: readonly FileToWrite[],
): Promise<readonly FileChange[]> {
  const folder = join(root, program.folder);
  const rendered = renderRecipe(planRecipeData(lock), await readTemplates());
  const files: readonly FileToWrite[] = [
    ...rendered.map(({ name, content }) => ({ path: join(folder, name), content })),
    { path: lockPath(root, program), content: formatLock(lock) },
    ...extra,
  ];
  return Promise.all(
    files.map(async ({ path, content }) => ({ path, before: await readFile(path, "utf8").catch(() => undefined), after: content })),
  );
}

/**
 * Gathers everything anew for one program (or takes it from the cache) and renders its files to memory. Throws what readRecipeLock throws,
 * UsageError for an unknown program.
 */
export async function planGeneration(ctx: Context, request: GenerateRequest): Promise<Generated> {
  const root = resolve(request.versionsFile, "..");
  const programs = await readPrograms(request.versionsFile);
  const program = await atVersion(requireProgram(programs, request.name ?? ""), request.version);
  const recorded = await readLockOf(root, program).catch(() => undefined);
  const store = openGenerateStore(ctx);
  const lock = await readRecipeLock(ctx, program, {
    source: request.source,
    modules: request.modules,
    offline: request.offline,
    downloads: request.downloads,
    expectedH1: recorded?.version === program.version ? recorded.source.h1 : undefined,
    patchBase: root,
    store,
    ...(request.patience === undefined ? {} : { patience: request.patience }),
  }).catch((error: unknown) => {
    throw formatDiskError(error, `the cache in ${store.folder("")} cannot be filled`, "no file of the recipe was changed") ?? error;
  });
  return { lock, files: await compareFiles(root, program, ...(await withVersionChange(request, programs, program, lock))) };
}

/** A new version belongs into versions.yaml too, or the next run would go back. */
async function withVersionChange(
  request: GenerateRequest,
  programs: ReadonlyMap<string, Program>,
  program: Program,
  lock: Lock,
): Promise<[lock: Lock, extra: readonly FileToWrite[]]> {
  if (programs.get(program.name)?.version === program.version) return [lock, []];
  const text = await readFile(request.versionsFile, "utf8");
  const commit = program.git === undefined ? undefined : lock.source.commit;
  const content = planVersionChange(text, { name: program.name, version: program.version, commit });
  const entry = parseVersionsFile(content, request.versionsFile).get(program.name);
  return [entry === undefined ? lock : { ...lock, entry: hashEntry(entry) }, [{ path: request.versionsFile, content }]];
}

/**
 * Renders the files of recorded programs again from what is committed beside them, without the network or a cache. Throws DriftError when
 * versions.yaml was changed without generating, ConfigError when a lock cannot be read.
 */
export async function planRecorded(request: GenerateRequest): Promise<readonly Generated[]> {
  const root = resolve(request.versionsFile, "..");
  const programs = await readPrograms(request.versionsFile);
  const wanted = request.name === undefined ? [...programs.values()] : [requireProgram(programs, request.name)];
  const generated: Generated[] = [];
  for (const program of wanted) {
    const lock = await readLockOf(root, program);
    if (lock === undefined && request.name === undefined) continue;
    if (lock === undefined)
      throw new UsageError(`${program.name} was never generated: there is no ${relative(root, lockPath(root, program))}`);
    if (lock.entry !== hashEntry(program)) {
      throw new DriftError(
        `versions.yaml says something else about ${program.name} than when its recipe was generated (${lock.version})`,
        {
          files: [relative(root, lockPath(root, program))],
          hint: `run ./meta-k3s generate ${program.name} and commit what it writes`,
        },
      );
    }
    generated.push({ lock, files: await compareFiles(root, program, lock, []) });
  }
  return generated;
}

/** The files that would change. */
export function selectChanges(generated: readonly Generated[]): readonly FileChange[] {
  return generated.flatMap(({ files }) => files.filter((file) => file.before !== file.after));
}

/** Changes as a unified diff, paths relative to `root`. */
export function formatChanges(changes: readonly FileChange[], root: string): string {
  return changes
    .map(({ path, before, after }) => {
      const name = relative(root, path);
      return createTwoFilesPatch(
        before === undefined ? "/dev/null" : `a/${name}`,
        `b/${name}`,
        before ?? "",
        after,
        undefined,
        undefined,
        { context: 1 },
      ).replace(/^=+\n/, "");
    })
    .join("");
}

/** Writes the changed files of one program, all of them or none. Throws PreflightError where they cannot be written. */
export async function writeGenerated(changes: readonly FileChange[]): Promise<void> {
  try {
    await writeFilesTogether(changes.map(({ path, after }) => ({ path, content: after })));
  } catch (error) {
    throw formatDiskError(error, "the generated files cannot be written", "no file was changed") ?? error;
  }
}
