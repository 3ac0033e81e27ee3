import { hash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import { fetchGoMods } from "../gomod/fetch-go-mods.ts";
import { fetchModules } from "../gomod/fetch-modules.ts";
import { usualPatience } from "../gomod/fetch-file.ts";
import type { FetchPatience } from "../gomod/fetch-file.ts";
import { judgeModuleLicenses } from "../gomod/judge-module-licenses.ts";
import type { LicenseVerdict } from "../gomod/judge-module-licenses.ts";
import type { ModuleRecord, ModuleStore } from "../gomod/open-module-store.ts";
import { parseGoMod } from "../gomod/parse-go-mod.ts";
import type { GoMod } from "../gomod/parse-go-mod.ts";
import { compareGoVersions } from "../gomod/parse-go-version.ts";
import { parseGoSum } from "../gomod/parse-go-sum.ts";
import { compareText, formatModule } from "../gomod/parse-module.ts";
import type { ModuleVersion } from "../gomod/parse-module.ts";
import type { LinkedModule, ModuleList } from "../gomod/parse-module-list.ts";
import { parseProxyList } from "../gomod/parse-proxy-list.ts";
import { readGoSettings } from "../gomod/read-go-settings.ts";
import type { GoSettings } from "../gomod/read-go-settings.ts";
import { readModuleFileNames } from "../gomod/read-module-zip.ts";
import { selectNestedCandidates, selectPrefixModules } from "../gomod/select-prefix-modules.ts";
import type { NestedCandidate } from "../gomod/select-prefix-modules.ts";
import { readLicenseNames } from "../gomod/read-license-names.ts";
import { parseK3sScripts } from "../release/parse-k3s-source.ts";
import type { K3sScripts } from "../release/parse-k3s-source.ts";
import { planK3sVariables } from "../release/plan-k3s-variables.ts";
import { readRecordedReleases } from "../release/read-recorded-releases.ts";
import { readUpstreamFacts } from "../release/read-upstream-facts.ts";
import { openSource } from "./open-source.ts";
import type { ProgramSource } from "./open-source.ts";
import type { Lock } from "./parse-lock.ts";
import type { Program } from "./parse-versions-file.ts";
import { formatRecipeVersion, formatRepository, planProgramVariables } from "./plan-program-variables.ts";
import { readModuleFacts, readModuleListFile } from "./read-module-facts.ts";
import type { VariableGroup } from "./recipe-data.ts";

export interface RecipeInputs {
  /** Folder with the program's source (or only go.mod and go.sum). */
  readonly source: string | undefined;
  /** File with the list of linked modules. */
  readonly modules: string | undefined;
  /** Neither the network nor a repository is asked. */
  readonly offline: boolean;
  /** BitBake's DL_DIR, looked into before the network. */
  readonly downloads: string | undefined;
  /** h1 hash of the program's own zip, as an earlier run recorded it. */
  readonly expectedH1: string | undefined;
  /** Folder that patches of versions.yaml are relative to. */
  readonly patchBase: string;
  readonly store: ModuleStore;
  readonly patience?: FetchPatience;
}

/** A hash of everything about a program that its recipe depends on. */
export function hashEntry(program: Program): string {
  return hash("sha256", JSON.stringify(program));
}

/**
 * Gathers everything that the generated files of a program say: opens its source, finds its modules, brings and verifies them, names their
 * licences. Throws what those steps throw, and ConfigError with every module whose licence nobody can name.
 */
export async function readRecipeLock(ctx: Context, program: Program, inputs: RecipeInputs): Promise<Lock> {
  const settings = await readSettings(ctx, inputs.offline);
  const download = {
    store: inputs.store,
    moduleCache: settings.moduleCache,
    downloads: inputs.downloads,
    places: {
      proxies: settings.proxies,
      noProxy: settings.noProxy,

      patience: inputs.patience ?? usualPatience,
    },
  };
  // Before its folder is taken for the source's.
  const list = inputs.modules === undefined ? undefined : await readModuleListFile(ctx, inputs.modules);
  const given = inputs.source ?? (inputs.modules === undefined ? undefined : dirname(inputs.modules));
  await using source = await openSource(ctx, program, {
    given,
    patchBase: inputs.patchBase,
    expectedH1: inputs.expectedH1,
    offline: inputs.offline,
    download,
  });
  const goMod = parseGoMod(source.goMod, "go.mod");
  const goSum = parseGoSum(source.goSum, "go.sum");
  const identity = source.h1 ?? (given === undefined ? source.commit : undefined);
  await using found = await readModuleFacts(ctx, {
    list,
    program,
    source,
    goMod,
    settings,
    store: inputs.store,
    identity,
  });
  const listed = found.modules;
  const vague = listed.linked.filter((module) => module.packages === undefined).length;
  if (list !== undefined && vague > 0) {
    ctx.log.warn(
      `${list.name} does not say which packages of ${vague} modules are linked: of these only the licences in the root folder are listed (docs/generate.md)`,
    );
  }
  // The go command said it all; a list knows only what is linked.
  const prefixes = list === undefined ? [] : selectPrefixModules(goMod, listed);
  const linked: readonly LinkedModule[] = [
    ...listed.linked,
    ...prefixes.map(({ path, version }) => ({ path, version, packages: [] })),
  ];
  const rules = program["git-modules"];
  const ruleOf = (module: { path: string; version: string }): (typeof rules)[number] | undefined =>
    rules.find((rule) => rule.module === module.path && rule.version === module.version);
  for (const rule of rules) {
    if (!linked.some((module) => ruleOf(module) === rule))
      ctx.log.warn(
        `versions.yaml: ${program.name} does not link ${rule.module} ${rule.version}, which has a rule under git-modules`,
      );
  }
  const options = { ...download, goSum, moduleCache: found.moduleCache ?? download.moduleCache };
  const zipped = linked.filter((module) => ruleOf(module) === undefined);
  const linkedRecords = await fetchModules(ctx, zipped, options);
  const candidates = list === undefined ? [] : selectNestedCandidates(goMod, listed, goSum);
  const nested = await selectNestedNeeded(candidates, linkedRecords, inputs.store);
  const records = [...linkedRecords, ...(nested.length === 0 ? [] : await fetchModules(ctx, nested, options))];
  // A zip brings its go.mod with it.
  const zips = new Set(records.map((record) => formatModule(record)));
  const goMods = await fetchGoMods(
    ctx,
    listed.goModOnly.filter((module) => !zips.has(formatModule(module))),
    options,
  );
  const verdict = await judgeLicenses(ctx, program, zipped, records, inputs.store);
  const gitModules = linked.flatMap((module) => {
    const rule = ruleOf(module);
    return rule === undefined ? [] : [{ module, rule }];
  });
  return {
    schemaVersion: 1,
    program: program.name,
    version: program.version,
    recipeVersion: formatRecipeVersion(program.version),
    entry: hashEntry(program),
    go: goMod.go,
    source: {
      ...(source.commit === undefined ? {} : { commit: source.commit }),
      ...(source.h1 === undefined ? {} : { h1: source.h1 }),
      goMod: hash("sha256", source.goMod),
      goSum: hash("sha256", source.goSum),
    },
    extraLicenses: [...verdict.withoutFile],
    variables: (await readVariables(ctx, program, inputs, source, goMod)).map(({ title, values }) => ({
      title,
      values: values.map(([name, value]) => [name, value]),
    })),
    modules: [
      ...records.map((record) => ({
        path: record.path,
        version: record.version,
        source: { kind: "zip" as const, sha256: record.sha256, h1: record.zipHash },
        licenses: [...(verdict.licenses.get(formatModule(record)) ?? [])],
      })),
      ...goMods.map((goModFile) => ({
        path: goModFile.path,
        version: goModFile.version,
        source: { kind: "mod" as const, sha256: goModFile.sha256, h1: goSum.goModHash(goModFile) ?? "" },
        licenses: [],
      })),
      ...gitModules.map(({ module, rule }) => ({
        path: module.path,
        version: module.version,
        source: {
          kind: "git" as const,
          revision: rule.commit,
          ...(rule.repo === undefined ? {} : { repo: rule.repo }),
          ...(rule.subdir === undefined ? {} : { subdir: rule.subdir }),
        },
        licenses: [...rule.licenses],
      })),
    ].sort((a, b) => compareText(formatModule(a), formatModule(b))),
  };
}

/** Those of the candidates whose folder has Go files in the other module's zip. What comes from git was not seen: there the candidate is taken. */
async function selectNestedNeeded(
  candidates: readonly NestedCandidate[],
  records: readonly ModuleRecord[],
  store: ModuleStore,
): Promise<readonly ModuleVersion[]> {
  const needed = new Map<string, ModuleVersion>();
  for (const { module, within, folder } of candidates) {
    const record = records.find((one) => formatModule(one) === formatModule(within));
    const names = record === undefined ? [`${folder}/unknown.go`] : await readModuleFileNames(store.zipPath(record.sha256), within);
    if (names.some((name) => name.startsWith(`${folder}/`) && name.endsWith(".go"))) needed.set(formatModule(module), module);
  }
  return [...needed.values()];
}

async function readSettings(ctx: Context, offline: boolean): Promise<GoSettings> {
  if (!offline) return readGoSettings(ctx);
  const settings = await readGoSettings({ ...ctx, env: { ...ctx.env, GOPROXY: "off", GONOPROXY: "none" } });
  return { ...settings, goproxy: "off", noProxy: "", proxies: parseProxyList("off") };
}

async function judgeLicenses(
  ctx: Context,
  program: Program,
  modules: ModuleList["linked"],
  records: readonly ModuleRecord[],
  store: ModuleStore,
): Promise<LicenseVerdict> {
  const names = await readLicenseNames(
    store,
    records.flatMap((record) => record.licenses.map((license) => license.sha256)),
  );
  const byModule = new Map(records.map((record) => [formatModule(record), record]));
  const verdict = judgeModuleLicenses(
    modules.map((module) => ({ module, candidates: byModule.get(formatModule(module))?.licenses ?? [] })),
    names,
    program.licenses,
  );
  for (const rule of verdict.unused)
    ctx.log.warn(`versions.yaml: ${program.name}: no module needs the licence rule for ${rule.module ?? rule.md5 ?? rule.spdx}`);
  if (verdict.problems.length > 0) {
    throw new ConfigError(`${verdict.problems.length} licences of ${program.name} are not known`, {
      problems: verdict.problems,
      hint: `read each file and add under ${program.name}.licenses in versions.yaml: - { md5: …, spdx: …, reason: … }   (docs/generate.md)`,
    });
  }
  return verdict;
}

async function readScripts(source: ProgramSource): Promise<K3sScripts | undefined> {
  const script = await readFile(join(source.folder, "scripts", "version.sh"), "utf8").catch(() => undefined);
  if (script === undefined) return undefined;
  const folder = join(source.folder, "manifests");
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".yaml"));
  return parseK3sScripts(script, await Promise.all(names.map((name) => readFile(join(folder, name), "utf8"))));
}

async function readVariables(
  ctx: Context,
  program: Program,
  inputs: RecipeInputs,
  source: ProgramSource,
  goMod: GoMod,
): Promise<readonly VariableGroup[]> {
  if (program.release === undefined) return planProgramVariables(program, goMod, source.commit);
  const releases = await readRecordedReleases();
  const recorded = releases.releases[program.version];
  if (!releases.series.some((series) => compareGoVersions(series.go, goMod.go) >= 0)) {
    ctx.log.warn(
      `${program.name} ${program.version} needs Go ${goMod.go}, and no Yocto series has one; ./meta-k3s releases shows what fits`,
    );
  }
  const repositoryUrl = (program.git ?? "").replace(/\.git$/, "");
  const scripts = await readScripts(source);
  const facts = { goMod, scripts, recorded };
  const upstream = await readUpstreamFacts(ctx, {
    ...facts,
    repositoryUrl,
    version: program.version,
    commit: source.commit,
    offline: inputs.offline,
    folder: inputs.store.folder("upstream"),
  });
  return planK3sVariables({
    ...facts,
    version: program.version,
    commit: upstream.commit,
    branch: program.branch,
    repository: formatRepository(program),
    commits: upstream.commits,
    sums: upstream.sums,
  });
}
