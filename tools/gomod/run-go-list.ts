import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context, Env } from "../core/context.ts";
import { CommandError, DownloadError, IntegrityError, PreflightError } from "../core/errors.ts";
import { compareGoVersions } from "./parse-go-version.ts";
import { refuseLocalReplacements } from "./parse-go-mod.ts";
import type { GoMod } from "./parse-go-mod.ts";
import { joinModuleLists, parseGoListOutput, splitGoJson } from "./parse-module-list.ts";
import type { ModuleList } from "./parse-module-list.ts";
import { compareText, formatModule, formatProxyPath, unescapeModule } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";
import type { GoSettings } from "./read-go-settings.ts";

export interface GoListOptions {
  /** Folder with go.mod and go.sum. */
  readonly source: string;
  readonly goMod: GoMod;
  /** Packages to build, as given to `go install`. */
  readonly packages: readonly string[];
  readonly tags: readonly string[];
  /** GOARCH values. */
  readonly architectures: readonly string[];
  readonly cgo: boolean;
  readonly settings: GoSettings;
  /** Version of the go command; undefined when there is none. */
  readonly goVersion: string | undefined;
  /** Modules that are fetched from their repositories whatever GOPROXY says. */
  readonly gitModules: readonly ModuleVersion[];
  /** Where the go command may make its folders. */
  readonly folder: string;
}

/** The modules, and the go command's own cache with exactly these in it. Close it to remove the cache. */
export interface GoListResult extends AsyncDisposable {
  readonly modules: ModuleList;
  /** A GOMODCACHE folder. */
  readonly moduleCache: string;
}

/**
 * Asks the go command which modules a program is built from: `go list -deps` for every architecture, with an empty module cache and
 * -mod=readonly, so that go.mod and go.sum stay as they are; then once more with GOPROXY=off and nothing but these modules, which proves that they
 * suffice. Throws PreflightError without a Go that is new enough, DownloadError with every module that is refused, IntegrityError when go.sum
 * does not hold, CommandError with what the go command printed otherwise.
 */
export async function runGoList(ctx: Context, options: GoListOptions): Promise<GoListResult> {
  checkGo(options);
  await mkdir(options.folder, { recursive: true });
  const moduleCache = await mkdtemp(join(options.folder, "list-"));
  const remove = (): Promise<void> => rm(moduleCache, { recursive: true, force: true });
  try {
    const online = environment(options, moduleCache, options.settings.goproxy);
    ctx.log.info(`asking go list for the modules of ${options.packages.join(" ")} (${options.architectures.join(", ")})`);
    const linked = joinModuleLists(await listArchitectures(ctx, options, online));
    const modules = await withUnlinked(linked, moduleCache);
    await pruneCache(modules, moduleCache);
    ctx.log.info(`${modules.linked.length} modules; asking again with GOPROXY=off and nothing else in the cache`);
    const offline = joinModuleLists(await listArchitectures(ctx, options, environment(options, moduleCache, "off")));
    checkSame(linked, offline);
    return { modules, moduleCache, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function checkGo({ goVersion, goMod }: GoListOptions): void {
  if (goVersion === undefined) {
    throw new PreflightError("a source needs a go command to list its modules, and there is none", {
      hint: "install Go, or give the list of linked modules with --modules FILE",
    });
  }
  if (compareGoVersions(goVersion, goMod.go) >= 0) return;
  throw new PreflightError(`this source needs Go ${goMod.go} and the go command here is ${goVersion}`, {
    hint: "put a newer go first in PATH, or give the list of linked modules with --modules FILE",
  });
}

function environment(options: GoListOptions, moduleCache: string, goproxy: string): Env {
  const direct = options.gitModules.map((module) => module.path);
  return {
    GOMODCACHE: moduleCache,
    GOPROXY: goproxy,
    GONOPROXY: [options.settings.noProxy, ...direct].filter((pattern) => pattern !== "").join(","),
    // go.sum holds every hash; without a line for a module the go command stops, so no second source of trust is asked.
    GOSUMDB: "off",
    GOFLAGS: "-mod=readonly -modcacherw",
    GOWORK: "off",
    GOTOOLCHAIN: "local",
    GOOS: "linux",
    CGO_ENABLED: options.cgo ? "1" : "0",
    GOEXPERIMENT: undefined,
  };
}

function listArchitectures(ctx: Context, options: GoListOptions, env: Env): Promise<readonly ModuleList[]> {
  // One after the other: the first fills the cache for the rest.
  return options.architectures.reduce<Promise<readonly ModuleList[]>>(
    async (before, architecture) => [...(await before), await listOne(ctx, options, { ...env, GOARCH: architecture })],
    Promise.resolve([]),
  );
}

async function listOne(ctx: Context, options: GoListOptions, env: Env): Promise<ModuleList> {
  const argv = ["go", "list", "-deps", "-json=ImportPath,Module", "-tags", options.tags.join(","), "--", ...options.packages];
  const result = await ctx.exec.run(argv, { cwd: options.source, env });
  if (result.status === 0) return parseGoListOutput(result.stdout);
  if (/replacement directory \S+ does not exist/.test(result.stderr)) refuseLocalReplacements(options.goMod, "go.mod");
  const sumProblem = /^.*(checksum mismatch|missing go\.sum entry|SECURITY ERROR)[\s\S]*/m.exec(result.stderr)?.[0];
  if (sumProblem !== undefined)
    throw new IntegrityError(`go.sum does not hold: ${sumProblem.trim()}`, {
      hint: "go.sum is never changed: take the release's own source",
    });
  const refused = await findRefused(ctx, options, env);
  if (refused.length > 0) {
    throw new DownloadError(
      `${refused.length === 1 ? "a module cannot" : `${refused.length} modules cannot`} be had:\n${refused.map((line) => `  ${line}`).join("\n")}`,
      {
        hint: "write a rule under git-modules in versions.yaml, or give the list with --modules FILE (docs/generate.md)",
      },
    );
  }
  throw new CommandError(`go list failed with exit status ${result.status ?? "none"}`, {
    argv,
    status: result.status,
    signalName: result.signalName,
    outputTail: result.stderr.trim().split("\n").slice(-40).join("\n"),
  });
}

/** The go command stops at the first module it cannot have; asked to go on, it names each in the packages that need it. */
async function findRefused(ctx: Context, options: GoListOptions, env: Env): Promise<readonly string[]> {
  const argv = ["go", "list", "-e", "-deps", "-json=ImportPath,Error", "-tags", options.tags.join(","), "--", ...options.packages];
  const { stdout, stderr } = await ctx.exec.run(argv, { cwd: options.source, env });
  const texts = [
    stderr,
    ...(splitGoJson(stdout) as readonly { Error?: { Err?: string } }[]).map((entry) => entry.Error?.Err ?? ""),
  ];
  const found = new Set<string>();
  for (const text of texts) {
    for (const match of text.matchAll(/(\S+@v[^\s:]+): (?:reading|invalid version|verifying|git|Get|module lookup)[^\n]*/g))
      found.add(match[0].replace(/\/\/[^/@\s]*@/, "//"));
  }
  return [...found].sort(compareText);
}

interface CachedFiles {
  readonly zips: ReadonlyMap<string, ModuleVersion>;
  readonly goMods: ReadonlyMap<string, ModuleVersion>;
}

async function readCache(moduleCache: string): Promise<CachedFiles> {
  const folder = join(moduleCache, "cache", "download");
  const zips = new Map<string, ModuleVersion>();
  const goMods = new Map<string, ModuleVersion>();
  for (const entry of await readdir(folder, { recursive: true })) {
    const match = /^(.*)\/@v\/(.*)\.(zip|mod)$/.exec(entry);
    if (match === null) continue;
    const module = { path: unescapeModule(match[1] ?? ""), version: unescapeModule(match[2] ?? "") };
    (match[3] === "zip" ? zips : goMods).set(formatModule(module), module);
  }
  return { zips, goMods };
}

/**
 * Adds what the go command read beyond the linked modules: zips it had to look into to be sure that no other module has a package, and
 * go.mod files it chose versions by. It will ask for them again when it builds.
 */
async function withUnlinked(linked: ModuleList, moduleCache: string): Promise<ModuleList> {
  const { zips, goMods } = await readCache(moduleCache);
  const known = new Set(linked.linked.map((module) => formatModule(module)));
  const unlinked = [...zips.entries()]
    .filter(([key]) => !known.has(key))
    .map(([, module]) => ({ path: module.path, version: module.version, packages: [] }));
  return joinModuleLists([linked, { linked: unlinked, goModOnly: [...goMods.values()] }]);
}

/** Leaves what BitBake will lay out: zips with their go.mod, and the bare go.mod files. */
async function pruneCache(modules: ModuleList, moduleCache: string): Promise<void> {
  const folder = join(moduleCache, "cache", "download");
  const kept = new Set([
    ...modules.linked.flatMap((module) => [formatProxyPath(module, "zip"), formatProxyPath(module, "mod")]),
    ...modules.goModOnly.map((module) => formatProxyPath(module, "mod")),
  ]);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (!kept.has(path.slice(folder.length + 1))) await rm(path);
  }
  await rm(join(moduleCache, "cache", "vcs"), { recursive: true, force: true });
}

function checkSame(online: ModuleList, offline: ModuleList): void {
  if (JSON.stringify(online.linked) === JSON.stringify(offline.linked)) return;
  throw new Error("go list gave other modules with GOPROXY=off than with the network");
}
