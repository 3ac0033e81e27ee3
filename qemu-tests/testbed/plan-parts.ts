import { createHash } from "node:crypto";
import type { Part, PartRecord } from "./part.ts";

/** A part with its place in the cache decided. */
export interface PlannedPart {
  readonly part: Part;
  /** Hex digest over the part's inputs and those of all parts it needs. */
  readonly hash: string;
  /** The inputs with the needed parts' hashes among them, as they are recorded. */
  readonly inputs: Readonly<Record<string, string>>;
}

/** The part's hash: equal inputs give equal hashes, whatever their order. */
export function planHash(name: string, inputs: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([name, sorted]))
    .digest("hex")
    .slice(0, 32);
}

/**
 * Puts parts into an order in which each comes after those it needs (the given order otherwise) and works out their hashes.
 * Throws Error on a need that is not there and on a circle: a mistake in the program.
 */
export function planParts(parts: readonly Part[]): readonly PlannedPart[] {
  const byName = new Map(parts.map((part) => [part.name, part]));
  if (byName.size !== parts.length) throw new Error("two parts of the testbed have one name");
  const planned = new Map<string, PlannedPart>();
  const underWay = new Set<string>();

  function visit(part: Part): PlannedPart {
    const known = planned.get(part.name);
    if (known !== undefined) return known;
    if (underWay.has(part.name)) throw new Error(`part ${part.name} needs itself`);
    underWay.add(part.name);
    const inputs: Record<string, string> = { ...part.inputs };
    for (const name of part.needs) {
      const need = byName.get(name);
      if (need === undefined) throw new Error(`part ${part.name} needs ${name}, which nothing makes`);
      inputs[`part ${name}`] = visit(need).hash;
    }
    const result = { part, hash: planHash(part.name, inputs), inputs };
    planned.set(part.name, result);
    return result;
  }

  for (const part of parts) visit(part);
  return [...planned.values()];
}

const NAMED_CHANGES = 3;

/** Why a part has to be made although it was made before, or that it never was. One line. */
export function planReason(previous: PartRecord | undefined, inputs: Readonly<Record<string, string>>): string {
  if (previous === undefined) return "not made before";
  const names = [...new Set([...Object.keys(previous.inputs), ...Object.keys(inputs)])].sort();
  const changed = names.filter((name) => previous.inputs[name] !== inputs[name]);
  if (changed.length === 0) return "no longer in the cache";
  const described = changed.map((name) => {
    const subject = name.replace(/^part /u, "");
    if (!(name in previous.inputs)) return `${subject} is new`;
    if (!(name in inputs)) return `${subject} is gone`;
    return `${subject} changed`;
  });
  const more = described.length - NAMED_CHANGES;
  return described.slice(0, NAMED_CHANGES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** A cache entry as it is found: its hash and when it was last used. */
export interface CacheEntry {
  readonly hash: string;
  readonly usedAtMs: number;
}

/** Which entries of one part to delete: all but the `keep` that were used last. */
export function planPrune(entries: readonly CacheEntry[], keep: number): readonly CacheEntry[] {
  return [...entries].sort((a, b) => b.usedAtMs - a.usedAtMs).slice(keep);
}
