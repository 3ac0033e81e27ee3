import { join } from "node:path";
import { stat } from "node:fs/promises";
import pMap from "p-map";
import type { Context } from "../core/context.ts";
import { AbortedError, DownloadError, IntegrityError } from "../core/errors.ts";
import type { ToolError } from "../core/errors.ts";
import { fetchModuleZip } from "./fetch-module-zip.ts";
import type { ZipPlaces } from "./fetch-module-zip.ts";
import { hash } from "node:crypto";
import { openDownloadProgress } from "./open-download-progress.ts";
import type { ModuleRecord, ModuleStore } from "./open-module-store.ts";
import { openZipReaders } from "./open-zip-readers.ts";
import type { ZipReaders } from "./open-zip-readers.ts";
import type { GoSum } from "./parse-go-sum.ts";
import { compareText, formatDownloadName, formatModule, formatProxyPath } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";

export interface FetchModulesOptions {
  readonly store: ModuleStore;
  readonly goSum: GoSum;
  readonly places: ZipPlaces;
  /** A go command's module cache and a BitBake DL_DIR, looked into before the network; neither is written to. */
  readonly moduleCache?: string | undefined;
  readonly downloads?: string | undefined;
}

/**
 * Brings the zip of a program itself into the store. No go.sum has a line for it: `expected` is the h1 hash it must have, or undefined where nobody
 * has recorded one yet. Errors as fetchModules.
 */
export async function fetchMainModule(
  ctx: Context,
  module: ModuleVersion,
  options: Omit<FetchModulesOptions, "goSum"> & { readonly expected: string | undefined },
): Promise<ModuleRecord> {
  await using readers = openZipReaders(1);
  using progress = openDownloadProgress(ctx, 1);
  const goSum = { zipHash: () => options.expected, goModHash: () => undefined, zipsOnly: true };
  return await bringModule(ctx, module, { ...options, goSum, readers, onBytes: (bytes) => progress.addBytes(bytes) });
}

/** Downloads at once. The proxy answers many small files; more than this gains nothing on two cores. */
const CONCURRENCY = 16;
const MOST_SHOWN = 12;

/**
 * Brings every module's zip into the store, verified: its h1 hash, and that of its go.mod file, are those of go.sum. What the store has
 * costs no network and no hashing. Gives the records in the order asked for. Throws IntegrityError with every module that is not what
 * go.sum says, DownloadError with every module that cannot be had; nothing of a module that fails is recorded.
 */
export async function fetchModules(
  ctx: Context,
  modules: readonly ModuleVersion[],
  options: FetchModulesOptions,
): Promise<readonly ModuleRecord[]> {
  refuseUnlisted(modules, options.goSum);
  await using readers = openZipReaders();
  using progress = openDownloadProgress(ctx, modules.length);
  const failures: { module: ModuleVersion; error: ToolError }[] = [];
  const records = await pMap(
    modules,
    async (module) => {
      try {
        const record = await bringModule(ctx, module, { ...options, readers, onBytes: (bytes) => progress.addBytes(bytes) });
        progress.addModule();
        return record;
      } catch (error) {
        // All modules that cannot be had are told at once; what is not about one module stops the run.
        if (!(error instanceof DownloadError || error instanceof IntegrityError) || ctx.signal.aborted) throw error;
        failures.push({ module, error });
        return undefined;
      }
    },
    { concurrency: CONCURRENCY, signal: ctx.signal },
  ).catch((error: unknown) => {
    throw ctx.signal.aborted ? new AbortedError(undefined, { cause: error }) : error;
  });
  if (failures.length > 0) throw joinFailures(failures);
  return records.filter((record) => record !== undefined);
}

/** A module that go.sum does not have cannot be verified: the go command says "missing go.sum entry" and stops, and so does this. */
function refuseUnlisted(modules: readonly ModuleVersion[], goSum: GoSum): void {
  const missing = modules.flatMap((module) => [
    ...(goSum.zipHash(module) === undefined ? [`${module.path} ${module.version}`] : []),
    ...(!goSum.zipsOnly && goSum.goModHash(module) === undefined ? [`${module.path} ${module.version}/go.mod`] : []),
  ]);
  if (missing.length === 0) return;
  throw new IntegrityError(`go.sum has no line for ${missing.slice(0, MOST_SHOWN).join(", ")}${formatRest(missing.length)}`, {
    hint: "go.sum is never added to: take the release's own go.mod, go.sum and module list together",
  });
}

function formatRest(count: number): string {
  return count > MOST_SHOWN ? ` and ${count - MOST_SHOWN} more` : "";
}

function joinFailures(failures: readonly { module: ModuleVersion; error: ToolError }[]): ToolError {
  const broken = failures.filter(({ error }) => error instanceof IntegrityError);
  const told = (broken.length > 0 ? broken : failures).toSorted((a, b) =>
    compareText(formatModule(a.module), formatModule(b.module)),
  );
  const first = told[0]?.error;
  if (told.length === 1 && first !== undefined) return first;
  const lines = told.map(({ error }) => `  ${error.message}`).join("\n");
  if (broken.length > 0)
    return new IntegrityError(`${told.length} modules are not what go.sum says:\n${lines}`, { hint: first?.hint });
  return new DownloadError(`${told.length} modules cannot be had:\n${lines}`, { hint: first?.hint });
}

type BringOptions = FetchModulesOptions & { readonly readers: ZipReaders; readonly onBytes: (bytes: number) => void };

async function bringModule(ctx: Context, module: ModuleVersion, options: BringOptions): Promise<ModuleRecord> {
  const { store } = options;
  const known = await store.readRecord(module);
  if (known !== undefined && (await store.hasZip(known.sha256))) {
    checkHashes(module, known, options.goSum);
    return known;
  }
  for (const path of findLocalPaths(module, options)) {
    if ((await stat(path).catch(() => undefined)) === undefined) continue;
    const record = await readLocalZip(path, module, options);
    if (record !== undefined) return record;
    ctx.log.debug(`${path} is not what go.sum says; it is fetched instead`);
  }
  return fetchVerified(ctx, module, options);
}

function findLocalPaths(module: ModuleVersion, options: FetchModulesOptions): readonly string[] {
  const paths: string[] = [];
  if (options.moduleCache !== undefined) paths.push(join(options.moduleCache, "cache", "download", formatProxyPath(module, "zip")));
  if (options.downloads !== undefined) paths.push(join(options.downloads, formatDownloadName(module, "zip")));
  return paths;
}

async function readLocalZip(path: string, module: ModuleVersion, options: BringOptions): Promise<ModuleRecord | undefined> {
  try {
    const { zip, sha256 } = await options.readers.read(path, module);
    const record = makeRecord(module, zip, sha256, (await stat(path)).size);
    checkHashes(module, record, options.goSum);
    await options.store.linkZip(path, sha256);
    await options.store.writeRecord(
      record,
      zip.licenses.map((license) => license.content),
    );
    return record;
  } catch (error) {
    if (error instanceof IntegrityError) return undefined;
    throw error;
  }
}

async function fetchVerified(ctx: Context, module: ModuleVersion, options: BringOptions): Promise<ModuleRecord> {
  const fetched = await fetchModuleZip(ctx, module, options);
  try {
    const { zip } = await options.readers.read(fetched.file, module, fetched.sha256);
    const record = makeRecord(module, zip, fetched.sha256, fetched.sizeBytes);
    checkHashes(module, record, options.goSum);
    await options.store.adoptZip(fetched.file, fetched.sha256);
    await options.store.writeRecord(
      record,
      zip.licenses.map((license) => license.content),
    );
    return record;
  } catch (error) {
    await fetched.discard();
    // Two halves of two different files make neither: fetched in one piece it may be right.
    if (error instanceof IntegrityError && fetched.resumed) return fetchVerified(ctx, module, options);
    throw error;
  }
}

function makeRecord(
  module: ModuleVersion,
  zip: { zipHash: string; goModHash: string; licenses: readonly { file: string; content: Uint8Array }[] },
  sha256: string,
  sizeBytes: number,
): ModuleRecord {
  return {
    schemaVersion: 1,
    path: module.path,
    version: module.version,
    sha256,
    sizeBytes,
    zipHash: zip.zipHash,
    goModHash: zip.goModHash,
    licenses: zip.licenses.map(({ file, content }) => ({ file, md5: hash("md5", content), sha256: hash("sha256", content) })),
  };
}

/** fetchModules has made sure that go.sum has both; only a program's own zip may lack them. */
function checkHashes(module: ModuleVersion, record: ModuleRecord, goSum: GoSum): void {
  const pairs = [
    ["zip", goSum.zipHash(module), record.zipHash],
    ["go.mod", goSum.goModHash(module), record.goModHash],
  ] as const;
  for (const [what, expected, found] of pairs) {
    if (expected === undefined || expected === found) continue;
    throw new IntegrityError(
      `${formatModule(module)}: the ${what} is not what go.sum says: go.sum has ${expected}, the download has ${found}`,
      {
        hint: "somebody changed the module after the release, or something on the way changed the download; nothing was written",
      },
    );
  }
}
