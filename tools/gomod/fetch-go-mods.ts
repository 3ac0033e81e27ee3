import { hash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pMap from "p-map";
import type { Context } from "../core/context.ts";
import { DownloadError, IntegrityError } from "../core/errors.ts";
import { fetchFile } from "./fetch-file.ts";
import type { FetchModulesOptions } from "./fetch-modules.ts";
import { ZIP_LIMITS } from "./judge-zip-entries.ts";
import { formatModule, formatProxyPath } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";
import { hashGoMod } from "./read-module-zip.ts";

/** A go.mod file in the store. */
export interface GoModFile extends ModuleVersion {
  readonly sha256: string;
  readonly file: string;
}

const CONCURRENCY = 16;

/**
 * Brings the go.mod files of modules whose zip is not needed into the store, each verified against go.sum. Throws IntegrityError for one that
 * is not what go.sum says or that go.sum lacks, DownloadError for one that cannot be had.
 */
export function fetchGoMods(
  ctx: Context,
  modules: readonly ModuleVersion[],
  options: FetchModulesOptions,
): Promise<readonly GoModFile[]> {
  return pMap(modules, (module) => bringGoMod(ctx, module, options), { concurrency: CONCURRENCY, signal: ctx.signal });
}

async function bringGoMod(ctx: Context, module: ModuleVersion, options: FetchModulesOptions): Promise<GoModFile> {
  const expected = options.goSum.goModHash(module);
  if (expected === undefined) {
    throw new IntegrityError(`go.sum has no line for ${module.path} ${module.version}/go.mod`, {
      hint: "go.sum is never added to: take the release's own go.mod, go.sum and module list together",
    });
  }
  const file = join(options.store.folder("gomods"), formatProxyPath(module, "mod"));
  const name = formatProxyPath(module, "mod");
  const cached = options.moduleCache === undefined ? [] : [join(options.moduleCache, "cache", "download", name)];
  for (const path of [file, ...cached]) {
    const content = await readFile(path).catch(() => undefined);
    if (content === undefined || hashGoMod(content) !== expected) continue;
    if (path !== file) await keepGoMod(options, module, content, file);
    return { ...module, sha256: hash("sha256", content), file };
  }
  return fetchOne(ctx, module, { ...options, file, name, expected });
}

async function keepGoMod(options: FetchModulesOptions, module: ModuleVersion, content: Uint8Array, file: string): Promise<void> {
  const part = await options.store.claimPart(`cache ${formatModule(module)}/go.mod`);
  await writeFile(part, content);
  await mkdir(dirname(file), { recursive: true });
  await rename(part, file);
}

async function fetchOne(
  ctx: Context,
  module: ModuleVersion,
  options: FetchModulesOptions & { readonly file: string; readonly name: string; readonly expected: string },
): Promise<GoModFile> {
  const answers: string[] = [];
  for (const { place } of options.places.proxies) {
    if (place === "off" || place === "direct") break;
    const part = await options.store.claimPart(`${place} ${options.name}`);
    try {
      await fetchFile(ctx, {
        url: `${place}/${options.name}`,
        file: part,
        limitBytes: ZIP_LIMITS.goModBytes,
        patience: options.places.patience,
        onBytes: () => undefined,
      });
      const content = await readFile(part);
      const found = hashGoMod(content);
      if (found !== options.expected) {
        throw new IntegrityError(
          `${formatModule(module)}: the go.mod is not what go.sum says: go.sum has ${options.expected}, the download has ${found}`,
        );
      }
      await mkdir(dirname(options.file), { recursive: true });
      await rename(part, options.file);
      return { ...module, sha256: hash("sha256", content), file: options.file };
    } catch (error) {
      await rm(part, { force: true });
      if (!(error instanceof DownloadError)) throw error;
      answers.push(error.message);
    }
  }
  throw new DownloadError(
    `${formatModule(module)}/go.mod: ${answers.length === 0 ? "GOPROXY names no proxy to fetch it from" : answers.join("; ")}`,
  );
}
