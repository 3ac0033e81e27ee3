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

interface ListedModule extends ModuleVersion {
  readonly isGoMod: boolean;
  readonly folders: readonly string[];
}

/** Whether a list has modules as go.mod requires them, not as it replaces them: then some line names what is replaced and is no target itself. */
function isUnreplaced(listed: readonly ListedModule[], goMod: GoMod): boolean {
  const targets = new Set(goMod.replaces.map(({ target }) => `${target.path}@${target.version ?? ""}`));
  return listed.some((module) => findReplacement(goMod, module) !== undefined && !targets.has(formatModule(module)));
}

/**
 * Reads a list of linked modules: one "path version" a line, then the linked packages' folders where they are known; "path version/go.mod" for a
 * go.mod file alone; "#" begins a comment. What `go list -deps -json` prints is read as well. The modules may be those that go.mod requires, or
 * those that it replaces them by. `where` names the list in messages. Throws ConfigError with every line that is wrong.
 */
export function parseModuleList(text: string, goMod: GoMod, where: string): ModuleList {
  if (text.trimStart().startsWith("{")) return parseGoListOutput(text);
  const listed = parseLines(text, where);
  const replace = isUnreplaced(listed, goMod);
  const builder = new ListBuilder();
  const local: string[] = [];
  for (const { path, version, isGoMod, folders } of listed) {
    const target = replace ? findReplacement(goMod, { path, version })?.target : undefined;
    const module = { path: target?.path ?? path, version: target === undefined ? version : (target.version ?? "") };
    if (module.version === "") local.push(`${path} => ${module.path}`);
    else if (isGoMod) builder.addGoMod(module);
    else builder.add(module, folders.length === 0 ? undefined : folders);
  }
  refuseLocal(local);
  const list = builder.build();
  if (list.linked.length === 0) throw new ConfigError(`${where} lists no module`);
  return list;
}

function parseLines(text: string, where: string): readonly ListedModule[] {
  const listed: ListedModule[] = [];
  const problems: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const [path, versionField, ...folders] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (path === undefined || path === "") continue;
    const isGoMod = versionField?.endsWith("/go.mod") === true;
    const version = isGoMod ? versionField.slice(0, -"/go.mod".length) : (versionField ?? "");
    const pathProblem = findModulePathProblem(path);
    const problem = pathProblem === undefined ? findVersionProblem({ path, version }) : `module path "${path}" ${pathProblem}`;
    if (problem === undefined) listed.push({ path, version, isGoMod, folders });
    else problems.push(`line ${index + 1}: ${problem}`);
  }
  if (problems.length > 0) throw new ConfigError(`${where} is malformed`, { problems, hint: 'each line is "path version"' });
  return listed;
}
