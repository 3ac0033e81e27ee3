import { ConfigError } from "../core/errors.ts";
import { formatModule } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";

/** The hashes of a go.sum file. */
export interface GoSum {
  /** h1 of the module's zip, or undefined when go.sum has no such line. */
  zipHash(module: ModuleVersion): string | undefined;
  /** h1 of the module's go.mod file, or undefined. */
  goModHash(module: ModuleVersion): string | undefined;
  /** True when only zips' hashes are known. A zip's hash covers its own go.mod, so nothing of it goes unverified. */
  readonly zipsOnly: boolean;
}

/** The hashes of zips, from a record of them instead of a go.sum file. */
export function makeZipSums(modules: readonly (ModuleVersion & { readonly h1: string })[]): GoSum {
  const zips = new Map(modules.map((module) => [formatModule(module), module.h1]));
  return { zipHash: (module) => zips.get(formatModule(module)), goModHash: () => undefined, zipsOnly: true };
}

const HASH = /^h1:[A-Za-z0-9+/]{43}=$/;

/**
 * Parses go.sum ("path version h1:…" lines; "/go.mod" after the version for the go.mod file alone). Lines with hashes of a kind other than
 * h1 are passed over, as the go command does. `where` names the file in messages. Throws ConfigError with every malformed line, and for
 * two different hashes of one module.
 */
export function parseGoSum(text: string, where: string): GoSum {
  const zips = new Map<string, string>();
  const goMods = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const fields = line.split(/[ \t\r]+/).filter((field) => field !== "");
    if (fields.length === 0) continue;
    const [path, versionField, hash] = fields;
    if (fields.length !== 3 || path === undefined || versionField === undefined || hash === undefined) {
      problems.push(`line ${index + 1}: expected "path version hash", found ${fields.length} fields`);
      continue;
    }
    if (!hash.startsWith("h1:")) continue;
    if (!HASH.test(hash)) {
      problems.push(`line ${index + 1}: ${path} ${versionField}: "${hash}" is not an h1 hash`);
      continue;
    }
    const isGoMod = versionField.endsWith("/go.mod");
    const version = isGoMod ? versionField.slice(0, -"/go.mod".length) : versionField;
    const into = isGoMod ? goMods : zips;
    const key = formatModule({ path, version });
    const known = into.get(key);
    if (known !== undefined && known !== hash) {
      problems.push(`line ${index + 1}: ${path} ${versionField} has two different hashes: ${known} and ${hash}`);
      continue;
    }
    into.set(key, hash);
  }
  if (problems.length > 0) {
    throw new ConfigError(`${where} is malformed`, { problems, hint: "take go.sum from the release itself; it is never repaired" });
  }
  return {
    zipHash: (module) => zips.get(formatModule(module)),
    goModHash: (module) => goMods.get(formatModule(module)),
    zipsOnly: false,
  };
}
