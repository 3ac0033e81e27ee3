import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Context } from "../core/context.ts";
import { DownloadError } from "../core/errors.ts";
import type { ToolError } from "../core/errors.ts";
import { fetchFile, RefusedError } from "./fetch-file.ts";
import type { FetchPatience } from "./fetch-file.ts";
import { ZIP_LIMITS } from "./judge-zip-entries.ts";
import type { ModuleStore } from "./open-module-store.ts";
import { formatModule, formatProxyPath } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";
import { hidePassword, matchesPrefixPatterns } from "./parse-proxy-list.ts";
import type { ProxyStep } from "./parse-proxy-list.ts";

/** Where zips may come from. */
export interface ZipPlaces {
  readonly proxies: readonly ProxyStep[];
  /** Patterns (GONOPROXY) of modules that only come from their own repository. */
  readonly noProxy: string;
  readonly patience: FetchPatience;
}

/** A download that is finished but not yet verified. Whoever has it moves it away or discards it. */
export interface FetchedZip {
  readonly file: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly resumed: boolean;
  discard(): Promise<void>;
}

interface FetchZipOptions {
  readonly store: ModuleStore;
  readonly places: ZipPlaces;
  readonly onBytes: (bytes: number) => void;
}

const NOT_FOUND = new Set([404, 410]);

/** Whether the go command would go on to the next place after this failure (https://go.dev/ref/mod#goproxy-protocol). */
function mayGoOn(step: ProxyStep, error: unknown): boolean {
  if (!(error instanceof DownloadError)) return false;
  return step.next === "any-error" || (error instanceof RefusedError && NOT_FOUND.has(error.status));
}

/**
 * Fetches a module's zip from the first place that has it, by GOPROXY's rules; "direct" asks the go command, which knows every version control
 * system. Throws DownloadError with what each place said.
 */
export async function fetchModuleZip(ctx: Context, module: ModuleVersion, options: FetchZipOptions): Promise<FetchedZip> {
  const { places } = options;
  const steps: readonly ProxyStep[] = matchesPrefixPatterns(places.noProxy, module.path)
    ? [{ place: "direct", next: "not-found" }]
    : places.proxies;
  const answers: string[] = [];
  let last: unknown;
  for (const step of steps) {
    try {
      return await fetchFrom(ctx, step, module, options);
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      answers.push(error.message);
      last = error;
      if (!mayGoOn(step, error)) break;
    }
  }
  throw new DownloadError(`${formatModule(module)}: ${answers.join("; ")}`, {
    cause: last,
    hint:
      last instanceof RefusedError
        ? "for a module that no proxy has, write a rule for it under git-modules in versions.yaml (docs/generate.md)"
        : (last as ToolError | undefined)?.hint,
  });
}

async function fetchFrom(ctx: Context, step: ProxyStep, module: ModuleVersion, options: FetchZipOptions): Promise<FetchedZip> {
  if (step.place === "off") throw new DownloadError("it is not in the cache, and GOPROXY=off forbids to fetch it");
  if (step.place === "direct") return fetchDirect(ctx, module, options);
  const key = `${hidePassword(step.place)} ${formatModule(module)}`;
  const file = await options.store.claimPart(key);
  try {
    const fetched = await fetchFile(ctx, {
      url: `${step.place}/${formatProxyPath(module, "zip")}`,
      file,
      limitBytes: ZIP_LIMITS.totalBytes,
      patience: options.places.patience,
      onBytes: options.onBytes,
    });
    return { file, ...fetched, discard: () => rm(file, { force: true }) };
  } catch (error) {
    if (error instanceof RefusedError) await rm(file, { force: true });
    else await options.store.leavePart(file, key);
    throw error;
  }
}

/** The module's own repository, through `go mod download` in a cache of its own. */
async function fetchDirect(ctx: Context, module: ModuleVersion, options: FetchZipOptions): Promise<FetchedZip> {
  const base = options.store.folder("direct");
  await mkdir(base, { recursive: true });
  const cache = await mkdtemp(join(base, "run-"));
  try {
    const result = await ctx.exec.run(["go", "mod", "download", "-json", formatModule(module)], {
      cwd: cache,
      env: {
        GOMODCACHE: join(cache, "mod"),
        GOPROXY: "direct",
        GOSUMDB: "off",
        GOFLAGS: "-modcacherw",
        GOWORK: "off",
        GOTOOLCHAIN: "local",
        GOPRIVATE: undefined,
      },
    });
    if (result.notFound) {
      throw new DownloadError("it would have to come from its own repository, which takes a go command, and there is none");
    }
    const answer = JSON.parse(result.stdout === "" ? "{}" : result.stdout) as { Zip?: string; Error?: string };
    if (answer.Zip === undefined) throw new DownloadError(`go mod download: ${(answer.Error ?? result.stderr).trim()}`);
    const key = `direct ${formatModule(module)}`;
    const file = await options.store.claimPart(key);
    await copyFile(answer.Zip, file);
    const digest = createHash("sha256");
    await pipeline(createReadStream(file), digest);
    const { size } = await stat(file);
    options.onBytes(size);
    return { file, sha256: digest.digest("hex"), sizeBytes: size, resumed: false, discard: () => rm(file, { force: true }) };
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}
