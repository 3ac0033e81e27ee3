import { ConfigError } from "../core/errors.ts";

/** A module at a version, as go.sum names it: the path after replacement, unescaped. */
export interface ModuleVersion {
  readonly path: string;
  /** Canonical: "v1.2.3", a pseudo-version, or one with "+incompatible". */
  readonly version: string;
}

/** "path@version", the form the go command and BitBake's gomod fetcher use. */
export function formatModule(module: ModuleVersion): string {
  return `${module.path}@${module.version}`;
}

// golang.org/x/mod/module: modPathOK, and the numbers that Windows reserves.
const PATH_ELEMENT = /^[A-Za-z0-9\-._~]+$/;
const RESERVED_NAME = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;

/** Names Windows cannot have as a file, with or without an extension; the go command refuses them everywhere. */
export function isReservedName(element: string): boolean {
  return RESERVED_NAME.test(element.split(".", 1)[0] ?? "");
}

function findPathProblem(path: string): string | undefined {
  if (path === "") return "is empty";
  for (const element of path.split("/")) {
    if (element === "") return "has an empty element";
    if (!PATH_ELEMENT.test(element)) return `has a character that module paths cannot have in "${element}"`;
    if (element.startsWith(".") || element.endsWith(".")) return `has an element that begins or ends with a dot ("${element}")`;
    if (isReservedName(element)) return `has the reserved element "${element}"`;
    if (/~[0-9]+$/.test(element.split(".", 1)[0] ?? ""))
      return `has an element that looks like a Windows short name ("${element}")`;
  }
  const first = path.split("/", 1)[0] ?? "";
  if (!/^[a-z0-9][a-z0-9\-.]*$/.test(first)) return `does not begin with a host name ("${first}")`;
  if (!first.includes(".")) return `begins with "${first}", which has no dot and so is no host name`;
  return undefined;
}

/** Tells why a module path is not one that the go command fetches, or undefined when it is (rules of golang.org/x/mod/module.CheckPath). */
export function findModulePathProblem(path: string): string | undefined {
  const problem = findPathProblem(path);
  if (problem !== undefined) return problem;
  if (path.startsWith("gopkg.in/"))
    return /\.v(0|[1-9][0-9]*)(-unstable)?$/.test(path) ? undefined : "lacks the .vN that gopkg.in paths end in";
  const major = /\/v([0-9.]+)$/.exec(path)?.[1];
  if (major === undefined) return undefined;
  return /^([2-9]|[1-9][0-9]+)$/.test(major) ? undefined : `ends in the impossible major version "/v${major}"`;
}

// semver 2.0.0 with a leading v; golang.org/x/mod/semver adds nothing else for canonical versions.
const VERSION =
  /^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(\+incompatible)?$/;

/** Tells why a version does not fit a module path, or undefined when it does (golang.org/x/mod/module.Check). */
export function findVersionProblem({ path, version }: ModuleVersion): string | undefined {
  const match = VERSION.exec(version);
  if (match === null) return `"${version}" is not a canonical version`;
  const major = match[1] ?? "";
  const incompatible = match[5] !== undefined;
  const gopkg = /^gopkg\.in\/.*\.v(\d+)(-unstable)?$/.exec(path)?.[1];
  if (gopkg !== undefined) {
    // gopkg.in served v0 pseudo-versions for unversioned branches before modules existed.
    return major === gopkg || version.startsWith("v0.0.0-") ? undefined : `"${version}" does not belong to ${path}`;
  }
  const suffix = /\/v(\d+)$/.exec(path)?.[1];
  if (suffix !== undefined) {
    return major === suffix && !incompatible ? undefined : `"${version}" does not belong to ${path}`;
  }
  if (incompatible) return Number(major) >= 2 ? undefined : `"${version}" is marked incompatible but is below v2`;
  return Number(major) <= 1 ? undefined : `"${version}" needs a path that ends in /v${major}, or +incompatible`;
}

/** Throws ConfigError when a path and version are not ones that a module proxy can have. `where` names the file for the message. */
export function checkModule(module: ModuleVersion, where: string): void {
  const pathProblem = findModulePathProblem(module.path);
  if (pathProblem !== undefined) throw new ConfigError(`${where}: module path "${module.path}" ${pathProblem}`);
  const versionProblem = findVersionProblem(module);
  if (versionProblem !== undefined) throw new ConfigError(`${where}: ${module.path}: version ${versionProblem}`);
}

/** The form that proxies, the module cache and BitBake use on disk: every capital becomes "!" and its small letter. */
export function escapeModule(text: string): string {
  return text.replaceAll(/[A-Z]/g, (capital) => `!${capital.toLowerCase()}`);
}

/** Undoes escapeModule. */
export function unescapeModule(text: string): string {
  return text.replaceAll(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** What a proxy, or a module cache's cache/download, calls the file: "<path>/@v/<version>.zip", escaped. */
export function formatProxyPath(module: ModuleVersion, extension: "zip" | "mod" | "info"): string {
  return `${escapeModule(module.path)}/@v/${escapeModule(module.version)}.${extension}`;
}

/** What BitBake's gomod fetcher calls the file in DL_DIR (bitbake, lib/bb/fetch2/gomod.py); not escaped. */
export function formatDownloadName(module: ModuleVersion, extension: "zip" | "mod"): string {
  return `${module.path.replaceAll("/", ".")}@${module.version}.${extension}`;
}

/** Byte order, as Go's sort.Strings; it does not depend on the locale. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
