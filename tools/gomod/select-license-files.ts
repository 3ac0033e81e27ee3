import { compareText } from "./parse-module.ts";

// OE-core, meta/lib/oe/license_finder.py, find_license_files(): the same names in the same sense.
const LICENSE_NAMES = [
  /LICEN[CS]E/,
  /^COPYING/,
  /[Ll]icense/,
  /^LEGAL/,
  /^[Ll]egal/,
  /GPL/,
  /^README\.lic/,
  /^COPYRIGHT/,
  /^[Cc]opyright/,
  /^e[dp]l-v10$/,
];
const SKIPPED_EXTENSIONS = [".html", ".js", ".json", ".svg", ".ts", ".go", ".sh"];

/** Whether OE-core would take a file of this name for a licence. */
export function isLicenseName(name: string): boolean {
  return !SKIPPED_EXTENSIONS.some((extension) => name.endsWith(extension)) && LICENSE_NAMES.some((pattern) => pattern.test(name));
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash);
}

/** Folders of a module's source files and every folder above them, "." for the root. */
export function selectSourceFolders(files: readonly string[]): ReadonlySet<string> {
  const folders = new Set(["."]);
  for (const file of files) {
    if (!file.endsWith(".go")) continue;
    for (let folder = folderOf(file); !folders.has(folder); folder = folderOf(folder)) folders.add(folder);
  }
  return folders;
}

/** Licence files that stand in a folder from which a package can reach them upwards. `files` are relative to the module's root. */
export function selectLicenseCandidates(files: readonly string[]): readonly string[] {
  const folders = selectSourceFolders(files);
  return files
    .filter((file) => folders.has(folderOf(file)) && isLicenseName(file.slice(file.lastIndexOf("/") + 1)))
    .sort(compareText);
}

/**
 * The licence files that apply to packages of a module, found as OE-core's do_update_modules does: for each package those of the nearest folder
 * upwards that has any, in byte order of their names. OE-core takes the first of them; so does judge-module-licenses.ts, unless the first is no
 * licence at all and another is. `packages` are folders relative to the module's root, "." for the root.
 */
export function selectLicenseFiles(candidates: readonly string[], packages: readonly string[]): readonly (readonly string[])[] {
  const byFolder = Map.groupBy([...candidates].sort(compareText), (file) => folderOf(file));
  const found = new Map<string, readonly string[]>();
  for (const start of packages) {
    for (let folder = start; ; folder = folderOf(folder)) {
      const files = byFolder.get(folder);
      if (files !== undefined) found.set(folder, files);
      if (files !== undefined || folder === ".") break;
    }
  }
  return [...found].sort(([a], [b]) => compareText(a, b)).map(([, files]) => files);
}
