import { selectLicenseFiles } from "./select-license-files.ts";
import { compareText, formatModule } from "./parse-module.ts";
import type { LinkedModule } from "./parse-module-list.ts";

/** A licence that a person looked up, with the reason why. */
export interface LicenseRule {
  /** md5 of the licence file that the rule is about; undefined: the module has no licence file. */
  readonly md5?: string | undefined;
  /** Module path, where the rule is about one module only. */
  readonly module?: string | undefined;
  /** BitBake's syntax. */
  readonly spdx: string;
  readonly reason: string;
}

/** A licence file of a module, named. */
export interface NamedLicense {
  readonly file: string;
  readonly md5: string;
  readonly spdx: string;
}

interface Candidate {
  readonly file: string;
  readonly md5: string;
  readonly sha256: string;
}

interface LicenseFacts {
  readonly module: LinkedModule;
  /** Every licence file a package of the module could reach. */
  readonly candidates: readonly Candidate[];
}

/** The named licences of each module, and what nobody can name. */
export interface LicenseVerdict {
  /** By "path@version". */
  readonly licenses: ReadonlyMap<string, readonly NamedLicense[]>;
  /** Licences that rules give to modules without a licence file. */
  readonly withoutFile: readonly string[];
  readonly problems: readonly string[];
  /** Rules that nothing needed. */
  readonly unused: readonly LicenseRule[];
}

function depthOf(group: readonly Candidate[]): number {
  return group[0]?.file.split("/").length ?? 0;
}

/**
 * Gives every module its licence files (nearest upwards from each linked package; from the root where the packages are not known; each text once) and every
 * file its licence: a rule's, or the name that was found for its text. `names` maps the sha256 of a text to its licence, "" for unknown.
 */
export function judgeModuleLicenses(
  facts: readonly LicenseFacts[],
  names: ReadonlyMap<string, string>,
  rules: readonly LicenseRule[],
): LicenseVerdict {
  const licenses = new Map<string, readonly NamedLicense[]>();
  const withoutFile = new Set<string>();
  const problems: string[] = [];
  const used = new Set<LicenseRule>();
  const findRule = (module: string, md5: string | undefined): LicenseRule | undefined => {
    const rule = rules.find(
      (candidate) => candidate.md5 === md5 && (candidate.module === undefined ? md5 !== undefined : candidate.module === module),
    );
    if (rule !== undefined) used.add(rule);
    return rule;
  };
  const nameOf = (module: LinkedModule, candidate: Candidate): string =>
    findRule(module.path, candidate.md5)?.spdx ?? names.get(candidate.sha256) ?? "";
  for (const { module, candidates } of facts) {
    const groups = selectLicenseFiles(
      candidates.map((candidate) => candidate.file),
      module.packages ?? ["."],
    ).map((files) => candidates.filter((candidate) => files.includes(candidate.file)));
    const named: NamedLicense[] = [];
    // From the root inwards.
    for (const group of groups.toSorted((a, b) => depthOf(a) - depthOf(b))) {
      const chosen = group.find((candidate) => nameOf(module, candidate) !== "");
      const first = group[0];
      if (chosen === undefined)
        problems.push(`${formatModule(module)}: ${first?.file ?? ""} (md5 ${first?.md5 ?? ""}) is no licence of the SPDX list`);
      // The same text a second time says nothing new, and the zip's own checksum notices when one of the two changes.
      else if (!named.some((license) => license.md5 === chosen.md5))
        named.push({ file: chosen.file, md5: chosen.md5, spdx: nameOf(module, chosen) });
    }
    if (groups.length === 0 && (module.packages === undefined || module.packages.length > 0)) {
      const rule = findRule(module.path, undefined);
      if (rule === undefined) problems.push(`${formatModule(module)}: has no licence file`);
      else withoutFile.add(rule.spdx);
    }
    licenses.set(
      formatModule(module),
      named.sort((a, b) => compareText(a.file, b.file)),
    );
  }
  return { licenses, withoutFile: [...withoutFile].sort(compareText), problems, unused: rules.filter((rule) => !used.has(rule)) };
}
