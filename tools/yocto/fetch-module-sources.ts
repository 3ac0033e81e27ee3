import { readFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import fastGlob from "fast-glob";
import pMap from "p-map";
import type { Context } from "../core/context.ts";
import { AbortedError, DownloadError, PreflightError } from "../core/errors.ts";
import { fetchFile, usualPatience } from "../gomod/fetch-file.ts";
import { ZIP_LIMITS } from "../gomod/judge-zip-entries.ts";
import { formatModule, formatProxyPath } from "../gomod/parse-module.ts";
import { matchesPrefixPatterns } from "../gomod/parse-proxy-list.ts";
import { readGoSettings } from "../gomod/read-go-settings.ts";
import type { GoSettings } from "../gomod/read-go-settings.ts";
import { parseModuleSources } from "./parse-module-sources.ts";
import type { ModuleSource } from "./parse-module-sources.ts";
import { removeStaleParts } from "./remove-stale-parts.ts";

/** Downloads at once; BitBake's own fetcher makes one at a time, 0.16 s and more for each of some 450. */
const CONCURRENCY = 16;

export interface PrefetchResult {
  readonly fetched: number;
  readonly there: number;
  /** Modules that BitBake has to get itself, with the reason for the first. */
  readonly left: number;
  readonly reason: string | undefined;
}

async function readSources(layerFolder: string): Promise<readonly ModuleSource[]> {
  const files = await fastGlob("recipes-*/**/*-go-mods.inc", { cwd: layerFolder, absolute: true });
  const texts = await Promise.all(files.sort().map((file) => readFile(file, "utf8")));
  const all = texts.flatMap((text) => parseModuleSources(text));
  return [...new Map(all.map((source) => [source.downloadName, source])).values()];
}

async function fetchOne(ctx: Context, source: ModuleSource, options: { folder: string; proxy: string }): Promise<void> {
  const target = join(options.folder, source.downloadName);
  const partial = `${target}.${process.pid}.part`;
  try {
    const url = `${options.proxy}/${formatProxyPath(source.module, source.extension)}`;
    const patience = { ...usualPatience, attempts: 3 };
    const got = await fetchFile(ctx, { url, file: partial, limitBytes: ZIP_LIMITS.totalBytes, patience, onBytes: () => undefined });
    if (got.sha256 !== source.sha256) {
      throw new DownloadError(
        `${formatModule(source.module)} is not what its recipe says: sha256 ${got.sha256}, not ${source.sha256}`,
      );
    }
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}

function proxyFor(source: ModuleSource, settings: GoSettings): string | undefined {
  const place = settings.proxies[0]?.place;
  if (place === undefined || place === "direct" || place === "off") return undefined;
  return matchesPrefixPatterns(settings.noProxy, source.module.path) ? undefined : place;
}

/**
 * Fills DL_DIR with the Go modules of the layer's recipes, many at a time, each verified against the recipe's checksum. What cannot be had is
 * left to BitBake, which has mirrors of its own and tells the failure where it matters. Throws AbortedError only.
 */
export async function fetchModuleSources(
  ctx: Context,
  options: { layerFolder: string; downloadFolder: string },
): Promise<PrefetchResult> {
  const sources = await readSources(options.layerFolder);
  const there = await Promise.all(
    sources.map((source) =>
      stat(join(options.downloadFolder, source.downloadName)).then(
        () => true,
        () => false,
      ),
    ),
  );
  const wanted = sources.filter((_source, index) => there[index] === false);
  const counted = { there: sources.length - wanted.length };
  if (wanted.length === 0) return { ...counted, fetched: 0, left: 0, reason: undefined };
  let settings: GoSettings;
  try {
    settings = await readGoSettings(ctx);
  } catch (error) {
    if (!(error instanceof PreflightError)) throw error;
    return { ...counted, fetched: 0, left: wanted.length, reason: error.message };
  }
  await mkdir(options.downloadFolder, { recursive: true });
  await removeStaleParts(options.downloadFolder);
  const failures: string[] = [];
  let fetched = 0;
  await pMap(
    wanted,
    async (source) => {
      const proxy = proxyFor(source, settings);
      // After the first few failures the proxy is taken to be out of reach: BitBake is not kept waiting for hundreds of time-outs.
      if (proxy === undefined || failures.length >= CONCURRENCY) return;
      try {
        await fetchOne(ctx, source, { folder: options.downloadFolder, proxy });
        fetched += 1;
        ctx.log.progress(`fetching Go modules: ${fetched} of ${wanted.length}`);
      } catch (error) {
        if (ctx.signal.aborted || !(error instanceof DownloadError)) throw error;
        failures.push(error.message);
      }
    },
    { concurrency: CONCURRENCY },
  ).catch((error: unknown) => {
    throw ctx.signal.aborted ? new AbortedError(undefined, { cause: error }) : error;
  });
  return { ...counted, fetched, left: wanted.length - fetched, reason: failures[0] };
}
