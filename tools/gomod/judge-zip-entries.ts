import { formatModule, isReservedName } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";

/** Limits of golang.org/x/mod/zip: no module that keeps them can fill a disk or a memory. */
export const ZIP_LIMITS = {
  /** Of the zip file, and of what it holds once unpacked. */
  totalBytes: 500 * 1024 * 1024,
  goModBytes: 16 * 1024 * 1024,
  licenseBytes: 16 * 1024 * 1024,
} as const;

/** One entry of a zip's central directory. */
export interface ZipEntry {
  /** As in the zip, with the "path@version/" prefix; ends in "/" for a folder. */
  readonly name: string;
  readonly uncompressedBytes: number;
}

// golang.org/x/mod/module.CheckFilePath: what may stand in the name of a file beside letters and digits.
const ASCII_FILE_NAME = /^[A-Za-z0-9!#$%&()+,\-.=@[\]^_{}~ ]*$/;

function findElementProblem(element: string): string | undefined {
  if (element === "") return "has an empty element";
  if (/^\.+$/.test(element)) return `has the element "${element}", which could lead out of the folder`;
  if (element.endsWith(".")) return `has an element that ends with a dot ("${element}")`;
  for (const character of element) {
    const ascii = (character.codePointAt(0) ?? 0) < 0x80;
    if (ascii ? !ASCII_FILE_NAME.test(character) : !/^\p{L}$/u.test(character))
      return `has the character ${JSON.stringify(character)}`;
  }
  return isReservedName(element) ? `has the reserved element "${element}"` : undefined;
}

function findNameProblem(name: string): string | undefined {
  for (const element of name.split("/")) {
    const problem = findElementProblem(element);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function findSizeProblem(name: string, bytes: number): string | undefined {
  if (name === "go.mod" && bytes > ZIP_LIMITS.goModBytes)
    return `is ${bytes} bytes; a go.mod file has at most ${ZIP_LIMITS.goModBytes}`;
  if (name === "LICENSE" && bytes > ZIP_LIMITS.licenseBytes)
    return `is ${bytes} bytes; a LICENSE file has at most ${ZIP_LIMITS.licenseBytes}`;
  return undefined;
}

function findGoModProblem(name: string): string | undefined {
  const base = name.slice(name.lastIndexOf("/") + 1);
  if (base.toLowerCase() !== "go.mod") return undefined;
  if (base !== "go.mod") return "is a go.mod file whose name is not in small letters";
  return name === "go.mod" ? undefined : "is a go.mod file outside the module's root";
}

/** Two names are one on a file system that ignores case. */
function foldName(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/**
 * Every reason why a zip is not one of the module it claims to be, by the rules of golang.org/x/mod/zip.CheckZip: names below
 * "path@version/", clean, without case collisions, one go.mod, sizes within ZIP_LIMITS. Empty: the zip may be unpacked.
 */
export function judgeZipEntries(module: ModuleVersion, entries: readonly ZipEntry[]): readonly string[] {
  const prefix = `${formatModule(module)}/`;
  const problems: string[] = [];
  const seen = new Map<string, { name: string; isFolder: boolean }>();
  let totalBytes = 0;

  const addPath = (name: string, isFolder: boolean): void => {
    const known = seen.get(foldName(name));
    if (known === undefined) seen.set(foldName(name), { name, isFolder });
    else if (known.name !== name) problems.push(`"${name}" and "${known.name}" differ only in the case of their letters`);
    else if (known.isFolder !== isFolder) problems.push(`"${name}" is both a file and a folder`);
    else if (!isFolder) problems.push(`"${name}" is there twice`);
    const slash = name.lastIndexOf("/");
    if (slash > 0 && known === undefined) addPath(name.slice(0, slash), true);
  };

  for (const entry of entries) {
    if (!entry.name.startsWith(prefix)) {
      problems.push(`"${entry.name}" is not below "${prefix}"`);
      continue;
    }
    const isFolder = entry.name.endsWith("/");
    const name = isFolder ? entry.name.slice(prefix.length, -1) : entry.name.slice(prefix.length);
    if (name === "" && entry.name === prefix) continue;
    const problem =
      findNameProblem(name) ?? (isFolder ? undefined : (findGoModProblem(name) ?? findSizeProblem(name, entry.uncompressedBytes)));
    if (problem !== undefined) {
      problems.push(`"${entry.name}" ${problem}`);
      continue;
    }
    addPath(name, isFolder);
    totalBytes += entry.uncompressedBytes;
  }
  if (totalBytes > ZIP_LIMITS.totalBytes) {
    problems.push(`its files are ${totalBytes} bytes once unpacked; a module has at most ${ZIP_LIMITS.totalBytes}`);
  }
  return problems;
}
