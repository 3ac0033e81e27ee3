import { compareText } from "../gomod/parse-module.ts";
import { renderLicenseExpression } from "./render-recipe.ts";
import type { Lock } from "./parse-lock.ts";

interface VersionChange {
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

/** What a person wants to know about the step from one release to another. */
export interface LockDifference {
  readonly from: string;
  readonly to: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** The same path at another version. */
  readonly moved: readonly VersionChange[];
  /** The same version, other content or another place to fetch it from. */
  readonly refetched: readonly string[];
  /** Licences of a module that stayed. */
  readonly licenses: readonly VersionChange[];
  /** Licences that the recipe's LICENSE gains and loses. */
  readonly licensesGained: readonly string[];
  readonly licensesLost: readonly string[];
  readonly variables: readonly VersionChange[];
}

type Module = Lock["modules"][number];

function groupByPath(lock: Lock): ReadonlyMap<string, readonly Module[]> {
  return Map.groupBy(
    lock.modules.filter((module) => module.source.kind !== "mod"),
    (module) => module.path,
  );
}

function versionsOf(modules: readonly Module[]): string {
  return modules.map((module) => module.version).join(" and ");
}

function licensesOf(modules: readonly Module[]): string {
  const names = modules.flatMap((module) => module.licenses.map((license) => license.spdx));
  return names.length === 0 ? "none" : renderLicenseExpression(names);
}

function operandsOf(lock: Lock): ReadonlySet<string> {
  return new Set(
    [...lock.extraLicenses, ...lock.modules.flatMap((module) => module.licenses.map((license) => license.spdx))].flatMap((spdx) =>
      spdx.split(" & "),
    ),
  );
}

function variablesOf(lock: Lock): ReadonlyMap<string, string> {
  return new Map(lock.variables.flatMap((group) => group.values));
}

/** Compares two locks of one program. */
export function diffLocks(before: Lock, after: Lock): LockDifference {
  const old = groupByPath(before);
  const current = groupByPath(after);
  const paths = [...new Set([...old.keys(), ...current.keys()])].sort(compareText);
  const added: string[] = [];
  const removed: string[] = [];
  const moved: VersionChange[] = [];
  const refetched: string[] = [];
  const licenses: VersionChange[] = [];
  for (const path of paths) {
    const from = old.get(path);
    const to = current.get(path);
    if (from === undefined && to !== undefined) added.push(`${path} ${versionsOf(to)} (${licensesOf(to)})`);
    else if (to === undefined && from !== undefined) removed.push(`${path} ${versionsOf(from)} (${licensesOf(from)})`);
    else if (from !== undefined && to !== undefined) {
      if (versionsOf(from) !== versionsOf(to)) moved.push({ path, from: versionsOf(from), to: versionsOf(to) });
      else if (JSON.stringify(from.map((module) => module.source)) !== JSON.stringify(to.map((module) => module.source)))
        refetched.push(`${path} ${versionsOf(to)}`);
      if (licensesOf(from) !== licensesOf(to)) licenses.push({ path, from: licensesOf(from), to: licensesOf(to) });
    }
  }
  const oldLicenses = operandsOf(before);
  const newLicenses = operandsOf(after);
  const oldVariables = variablesOf(before);
  const newVariables = variablesOf(after);
  const names = [...new Set([...oldVariables.keys(), ...newVariables.keys()])];
  return {
    from: before.version,
    to: after.version,
    added,
    removed,
    moved,
    refetched,
    licenses,
    licensesGained: [...newLicenses].filter((license) => !oldLicenses.has(license)).sort(compareText),
    licensesLost: [...oldLicenses].filter((license) => !newLicenses.has(license)).sort(compareText),
    variables: names
      .map((path) => ({ path, from: oldVariables.get(path) ?? "not there", to: newVariables.get(path) ?? "not there" }))
      .filter(({ from, to }) => from !== to),
  };
}

function formatChange({ path, from, to }: VersionChange): string {
  return `${path}: ${from} → ${to}`;
}

/** The difference as text for people. */
export function formatLockDifference(difference: LockDifference): string {
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ["the release", difference.variables.map((change) => formatChange(change))],
    ["modules added", difference.added],
    ["modules removed", difference.removed],
    ["modules moved", difference.moved.map((change) => formatChange(change))],
    ["the same version with other content", difference.refetched],
    ["licences of modules that changed", difference.licenses.map((change) => formatChange(change))],
    ["licences that the recipe gains", difference.licensesGained],
    ["licences that the recipe loses", difference.licensesLost],
  ];
  const told = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title} (${lines.length}):\n${lines.map((line) => `  ${line}`).join("\n")}`);
  const head = `${difference.from} → ${difference.to}`;
  return told.length === 0 ? `${head}: nothing differs` : [head, ...told].join("\n\n");
}
