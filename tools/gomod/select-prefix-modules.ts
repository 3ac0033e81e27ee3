import { compare } from "semver";
import { findReplacement } from "./parse-go-mod.ts";
import type { GoMod } from "./parse-go-mod.ts";
import type { GoSum } from "./parse-go-sum.ts";
import { compareGoVersions } from "./parse-go-version.ts";
import { compareText, formatModule } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";
import type { LinkedModule, ModuleList } from "./parse-module-list.ts";

/** A module that is needed if the zip of `within` has Go files in `folder`: nobody said which of its packages are imported. */
export interface NestedCandidate {
  readonly module: ModuleVersion;
  readonly within: ModuleVersion;
  /** Relative to the root of `within`. */
  readonly folder: string;
}

/** From this go line on, go.mod names every module that provides a package, and only these are looked into (https://go.dev/ref/mod#graph-pruning). */
const FIRST_PRUNED = "1.17";

/** The version chosen of each module path, after replacement; a module replaced by a local folder is left out, for it has no zip. */
function planBuildList(goMod: GoMod, list: ModuleList): ReadonlyMap<string, ModuleVersion> {
  const isPruned = compareGoVersions(goMod.go, FIRST_PRUNED) >= 0;
  const chosen = new Map<string, ModuleVersion>();
  for (const module of isPruned ? goMod.requires : [...goMod.requires, ...list.goModOnly]) {
    const known = chosen.get(module.path);
    if (known === undefined || compare(known.version, module.version) < 0) chosen.set(module.path, module);
  }
  const targets = new Map<string, ModuleVersion>();
  for (const [path, module] of chosen) {
    const replacement = findReplacement(goMod, module);
    const version = replacement === undefined ? module.version : replacement.target.version;
    if (version !== undefined) targets.set(path, { path: replacement?.target.path ?? path, version });
  }
  return targets;
}

interface ImportedModule {
  readonly module: LinkedModule;
  /** Paths by which packages import it: its own, or the one that go.mod replaces by it. */
  readonly paths: readonly string[];
}

function planImported(buildList: ReadonlyMap<string, ModuleVersion>, list: ModuleList): readonly ImportedModule[] {
  const pathsOf = new Map<string, string[]>();
  for (const [path, target] of buildList) pathsOf.set(formatModule(target), [...(pathsOf.get(formatModule(target)) ?? []), path]);
  return list.linked.map((module) => ({ module, paths: pathsOf.get(formatModule(module)) ?? [module.path] }));
}

function selectUnlinked(buildList: ReadonlyMap<string, ModuleVersion>, list: ModuleList): readonly [string, ModuleVersion][] {
  const linked = new Set(list.linked.map((module) => formatModule(module)));
  return [...buildList].filter(([, target]) => !linked.has(formatModule(target)));
}

/**
 * The modules that link no package and are needed all the same: those in the build list whose path is a prefix of an imported package's path. Such a
 * module could have the package too, so the go command looks into its zip before it believes that another one provides it
 * (importFromModules, cmd/go/internal/modload/import.go). Where a list does not say which packages of a module are linked, the module's own path
 * stands for them.
 */
export function selectPrefixModules(goMod: GoMod, list: ModuleList): readonly ModuleVersion[] {
  const buildList = planBuildList(goMod, list);
  const unlinked = new Map(selectUnlinked(buildList, list));
  const found = new Map<string, ModuleVersion>();
  for (const { module, paths } of planImported(buildList, list)) {
    for (const path of paths) {
      for (const folder of module.packages ?? ["."]) {
        const elements = (folder === "." ? path : `${path}/${folder}`).split("/");
        for (let length = 1; length <= elements.length; length += 1) {
          const target = unlinked.get(elements.slice(0, length).join("/"));
          if (target !== undefined) found.set(formatModule(target), target);
        }
      }
    }
  }
  return [...found.values()].sort((a, b) => compareText(formatModule(a), formatModule(b)));
}

/**
 * Unlinked modules whose path lies below that of a linked one of which the packages are not known. `go mod tidy` records the zip's hash of
 * every module that could have an imported package, so one without is none.
 */
export function selectNestedCandidates(goMod: GoMod, list: ModuleList, goSum: GoSum): readonly NestedCandidate[] {
  const buildList = planBuildList(goMod, list);
  const unlinked = selectUnlinked(buildList, list).filter(([, target]) => goSum.zipHash(target) !== undefined);
  return planImported(buildList, list)
    .filter(({ module }) => module.packages === undefined)
    .flatMap(({ module: within, paths }) =>
      paths.flatMap((path) =>
        unlinked
          .filter(([nested]) => nested.startsWith(`${path}/`))
          .map(([nested, module]) => ({ module, within, folder: nested.slice(path.length + 1) })),
      ),
    );
}
