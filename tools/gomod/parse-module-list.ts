import { ConfigError } from "../core/errors.ts";
import { findReplacement } from "./parse-go-mod.ts";
import type { GoMod } from "./parse-go-mod.ts";
import { compareText, findModulePathProblem, findVersionProblem, formatModule } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";

/** A module that a program is built from. */
export interface LinkedModule extends ModuleVersion {
  /** Folders of the packages that are linked, relative to the module's root ("." for the root); undefined: not known. */
  readonly packages: readonly string[] | undefined;
}

/** The modules that a program is built from, after replacement, in byte order. */
export interface ModuleList {
  readonly linked: readonly LinkedModule[];
  /** Modules of which the go command reads the go.mod file only, to choose versions. */
  readonly goModOnly: readonly ModuleVersion[];
}

interface ListedPackage {
  readonly ImportPath: string;
  readonly Module?: {
    readonly Path: string;
    readonly Version?: string;
    readonly Main?: boolean;
    readonly Replace?: { readonly Path: string; readonly Version?: string };
  };
}

/** Splits a stream of JSON objects, which `go list -json` prints without commas, at the braces in column one. */
export function splitGoJson(text: string): readonly unknown[] {
  return text
    .split(/^(?=\{)/m)
    .filter((part) => part.trim() !== "")
    .map((part) => JSON.parse(part) as unknown);
}

function compareModules(a: ModuleVersion, b: ModuleVersion): number {
  return compareText(formatModule(a), formatModule(b));
}

class ListBuilder {
  readonly #packages = new Map<string, { module: ModuleVersion; packages: Set<string> | undefined }>();
  readonly #goMods = new Map<string, ModuleVersion>();

  add(module: ModuleVersion, packages: readonly string[] | undefined): void {
    const key = formatModule(module);
    const known = this.#packages.get(key) ?? { module, packages: packages === undefined ? undefined : new Set() };
    for (const folder of packages ?? []) known.packages?.add(folder);
    this.#packages.set(key, known);
  }

  addGoMod(module: ModuleVersion): void {
    this.#goMods.set(formatModule(module), module);
  }

  build(): ModuleList {
    const linked = [...this.#packages.values()].map(({ module, packages }) => ({
      path: module.path,
      version: module.version,
      packages: packages === undefined ? undefined : [...packages].sort(compareText),
    }));
    const goModOnly = [...this.#goMods.values()].filter((module) => !this.#packages.has(formatModule(module)));
    return { linked: linked.sort(compareModules), goModOnly: goModOnly.sort(compareModules) };
  }
}

/** Joins the lists of several architectures. */
export function joinModuleLists(lists: readonly ModuleList[]): ModuleList {
  const builder = new ListBuilder();
  for (const list of lists) {
    for (const module of list.linked) builder.add({ path: module.path, version: module.version }, module.packages);
    for (const module of list.goModOnly) builder.addGoMod(module);
  }
  return builder.build();
}

/**
 * Reads what `go list -deps -json=ImportPath,Module` printed. Throws ConfigError for a linked module that go.mod replaces by a local folder:
 * BitBake cannot fetch one.
 */
export function parseGoListOutput(text: string): ModuleList {
  const builder = new ListBuilder();
  const local = new Set<string>();
  for (const { ImportPath, Module } of splitGoJson(text) as readonly ListedPackage[]) {
    if (Module === undefined || Module.Main === true) continue;
    const source = Module.Replace ?? Module;
    if (source.Version === undefined) {
      local.add(`${Module.Path} => ${source.Path}`);
      continue;
    }
    const folder = ImportPath === Module.Path ? "." : ImportPath.slice(Module.Path.length + 1);
    builder.add({ path: source.Path, version: source.Version }, [folder]);
  }
  refuseLocal([...local]);
  return builder.build();
}

function refuseLocal(replacements: readonly string[]): void {
  if (replacements.length === 0) return;
  throw new ConfigError("go.mod replaces linked modules by local folders, which BitBake cannot fetch", {
    problems: replacements,
    hint: "replace them by a published version or a fork at a version, in the source that is built",
  });
}

/**
 * Reads a list of linked modules: one "path version" a line, then the linked packages' folders where they are known; "path version/go.mod" for a
 * go.mod file alone; "#" begins a comment. What `go list -deps -json` prints is read as well. Modules are replaced as go.mod says, unless the
 * line already names what a replacement leads to. `where` names the list in messages. Throws ConfigError with every line that is wrong.
 */
export function parseModuleList(text: string, goMod: GoMod, where: string): ModuleList {
  if (text.trimStart().startsWith("{")) return parseGoListOutput(text);
  const targets = new Set(goMod.replaces.map(({ target }) => `${target.path}@${target.version ?? ""}`));
  const builder = new ListBuilder();
  const problems: string[] = [];
  const local: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const [path, versionField, ...folders] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (path === undefined || path === "") continue;
    const isGoMod = versionField?.endsWith("/go.mod") === true;
    const listed = { path, version: isGoMod ? versionField.slice(0, -"/go.mod".length) : (versionField ?? "") };
    const pathProblem = findModulePathProblem(path);
    const problem = pathProblem === undefined ? findVersionProblem(listed) : `module path "${path}" ${pathProblem}`;
    if (problem !== undefined) {
      problems.push(`line ${index + 1}: ${problem}`);
      continue;
    }
    const target = targets.has(formatModule(listed)) ? undefined : findReplacement(goMod, listed)?.target;
    if (target !== undefined && target.version === undefined) local.push(`${path} => ${target.path}`);
    else if (isGoMod) builder.addGoMod({ path: target?.path ?? path, version: target?.version ?? listed.version });
    else
      builder.add(
        { path: target?.path ?? path, version: target?.version ?? listed.version },
        folders.length === 0 ? undefined : folders,
      );
  }
  if (problems.length > 0) throw new ConfigError(`${where} is malformed`, { problems, hint: 'each line is "path version"' });
  refuseLocal(local);
  const list = builder.build();
  if (list.linked.length === 0) throw new ConfigError(`${where} lists no module`);
  return list;
}
