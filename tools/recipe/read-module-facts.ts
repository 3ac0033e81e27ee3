import { hash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { parseModuleList } from "../gomod/parse-module-list.ts";
import type { ModuleList } from "../gomod/parse-module-list.ts";
import type { GoMod } from "../gomod/parse-go-mod.ts";
import { readGoVersion } from "../gomod/read-go-settings.ts";
import type { GoSettings } from "../gomod/read-go-settings.ts";
import { runGoList } from "../gomod/run-go-list.ts";
import type { ModuleStore } from "../gomod/open-module-store.ts";
import type { ProgramSource } from "./open-source.ts";
import type { Program } from "./parse-versions-file.ts";

/** A list of linked modules, not parsed yet. */
export interface ModuleListFile {
  readonly name: string;
  readonly text: string;
}

export interface ModuleListOptions {
  /** The list that was given; undefined: the go command is asked. */
  readonly list: ModuleListFile | undefined;
  readonly program: Program;
  readonly source: ProgramSource;
  readonly goMod: GoMod;
  readonly settings: GoSettings;
  readonly store: ModuleStore;
  /** What tells this source from every other; undefined: nothing does, and the go command is asked each time. */
  readonly identity: string | undefined;
}

/** The list, and a module cache with its zips when the go command has just made one. */
export interface FoundModules extends AsyncDisposable {
  readonly modules: ModuleList;
  readonly moduleCache: string | undefined;
}

const nothing = (): Promise<void> => Promise.resolve();

/** Reads the file of `--modules`. Throws UsageError when it is not there. */
export async function readModuleListFile(ctx: Context, file: string): Promise<ModuleListFile> {
  const path = resolve(ctx.cwd, file);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new UsageError(`${path} cannot be read`, {
      cause: error,
      hint: '--modules wants a file with one "path version" a line, and go.mod and go.sum beside it',
    });
  });
  return { name: basename(path), text };
}

/**
 * The modules of a program: from the file given, from an earlier answer of the go command about the same source, or from the go command. Throws
 * what parseModuleList and runGoList throw.
 */
export async function readModuleFacts(ctx: Context, options: ModuleListOptions): Promise<FoundModules> {
  if (options.list !== undefined) {
    return {
      modules: parseModuleList(options.list.text, options.goMod, options.list.name),
      moduleCache: undefined,
      [Symbol.asyncDispose]: nothing,
    };
  }
  const goVersion = await readGoVersion(ctx);
  const kept = keptListPath(options, goVersion);
  const known = kept === undefined ? undefined : await readFile(kept, "utf8").catch(() => undefined);
  if (known !== undefined)
    return { modules: JSON.parse(known) as ModuleList, moduleCache: undefined, [Symbol.asyncDispose]: nothing };
  const { program, source, goMod, settings, store } = options;
  const result = await runGoList(ctx, {
    source: source.folder,
    goMod,
    packages: program.packages,
    tags: program.tags,
    architectures: program.architectures,
    cgo: program.cgo,
    settings,
    goVersion,
    gitModules: program["git-modules"].map(({ module, version }) => ({ path: module, version })),
    folder: store.folder("lists"),
  });
  if (kept !== undefined) {
    await mkdir(dirname(kept), { recursive: true });
    const partial = `${kept}.${process.pid}.part`;
    await writeFile(partial, JSON.stringify(result.modules));
    await rename(partial, kept);
  }
  return result;
}

function keptListPath({ program, source, store, identity }: ModuleListOptions, goVersion: string | undefined): string | undefined {
  if (identity === undefined) return undefined;
  const key = JSON.stringify([
    "list-1",
    identity,
    source.goMod,
    source.goSum,
    program.packages,
    program.tags,
    program.architectures,
    program.cgo,
    program.subdir,
    program.patches,
    goVersion,
  ]);
  return join(store.folder("lists"), `${hash("sha256", key)}.json`);
}
