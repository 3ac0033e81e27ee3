import { parseLicenseText } from "./parse-license-text.ts";
import type { LicenseWords } from "./parse-license-text.ts";

/** A licence of the SPDX list with its words. */
export interface LicenseTemplate {
  readonly id: string;
  readonly words: LicenseWords;
}

/** Templates, indexed for finding them in a text. */
export interface LicenseIndex {
  readonly templates: readonly LicenseTemplate[];
  /** Runs of words from the beginnings of the templates → where they come from. */
  readonly probes: ReadonlyMap<string, readonly Probe[]>;
}

/** A run of words in a template. */
interface Probe {
  readonly template: number;
  /** Position of its first word. */
  readonly at: number;
}

/** One licence found in a text. `start` and `end` (exclusive) count words. */
export interface LicenseMatch {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  /** Words that had to be put in, taken out or changed. */
  readonly edits: number;
}

const PROBE_WORDS = 6;
/** Where probes begin: close together first, so that a changed word or two leaves some whole. */
const PROBES = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55];
/** Share of a template's words that may differ: a misspelling or a name, not a condition. */
const EDIT_SHARE = 0.03;
const LEAST_EDITS = 2;
const MOST_EDITS = 8;
/** Words that turn a condition round: a text that has one more or one less of them is another licence. */
const TELLING = new Set([
  "not",
  "no",
  "non",
  "never",
  "without",
  "only",
  "except",
  "unless",
  "must",
  "commercial",
  "noncommercial",
  "prohibited",
  "forbidden",
  "evil",
  "good",
  "ethical",
  "military",
  "nuclear",
]);

function runOf(words: LicenseWords, at: number): string {
  return words.slice(at, at + PROBE_WORDS).join(" ");
}

/** Builds the index once for many texts. */
export function planLicenseIndex(templates: readonly LicenseTemplate[]): LicenseIndex {
  const probes = new Map<string, Probe[]>();
  for (const [template, { words }] of templates.entries()) {
    for (const at of PROBES) {
      // A template of a few words is its own and only probe.
      if (at > 0 && at + PROBE_WORDS > words.length) break;
      const run = runOf(words, at);
      const known = probes.get(run);
      if (known === undefined) probes.set(run, [{ template, at }]);
      else known.push({ template, at });
    }
  }
  return { templates, probes };
}

interface Alignment {
  readonly edits: number;
  readonly end: number;
}

/**
 * Fewest word edits that turn the template into some stretch of `words` that begins at `start` (Landau and Vishkin's diagonals). Gives
 * undefined when more than `limit` are needed or a telling word is among them.
 */
function alignTemplate(template: LicenseWords, words: LicenseWords, start: number, limit: number): Alignment | undefined {
  const length = template.length;
  // furthest[d]: for each diagonal (text position minus template position), the furthest template position reached with d edits.
  let previous = new Map<number, number>();
  for (let edits = 0; edits <= limit; edits += 1) {
    const current = new Map<number, number>();
    for (let diagonal = -edits; diagonal <= edits; diagonal += 1) {
      let reached: number;
      if (edits === 0) reached = 0;
      else {
        const changed = advance(previous.get(diagonal), 1, template, words, start + diagonal, "change");
        const left = advance(previous.get(diagonal + 1), 1, template, words, start + diagonal + 1, "leave-out");
        const added = advance(previous.get(diagonal - 1), 0, template, words, start + diagonal - 1, "add");
        reached = Math.max(changed, left, added);
      }
      if (reached < 0) continue;
      while (reached < length && template[reached] === words[start + diagonal + reached]) reached += 1;
      if (reached >= length) return { edits, end: start + diagonal + length };
      current.set(diagonal, reached);
    }
    previous = current;
  }
  return undefined;
}

function advance(
  from: number | undefined,
  step: number,
  template: LicenseWords,
  words: LicenseWords,
  offset: number,
  kind: "change" | "leave-out" | "add",
): number {
  if (from === undefined || from + step > template.length) return -1;
  const ours = template[from] ?? "";
  const theirs = words[offset + from] ?? "";
  if (kind !== "add" && TELLING.has(ours)) return -1;
  if (kind !== "leave-out" && TELLING.has(theirs)) return -1;
  return from + step;
}

/** Where each template may begin in a text. */
function findStarts(index: LicenseIndex, words: LicenseWords): ReadonlyMap<number, ReadonlySet<number>> {
  const starts = new Map<number, Set<number>>();
  for (let position = 0; position < words.length; position += 1) {
    for (const { template, at } of index.probes.get(runOf(words, position)) ?? []) {
      const known = starts.get(template) ?? new Set();
      starts.set(template, known.add(Math.max(0, position - at)));
    }
  }
  return starts;
}

/** Every licence of the index that stands in a text, the longest first where they overlap. */
export function judgeLicense(index: LicenseIndex, words: LicenseWords): readonly LicenseMatch[] {
  const found: LicenseMatch[] = [];
  for (const [number, starts] of findStarts(index, words)) {
    const template = index.templates[number];
    if (template === undefined) continue;
    const limit = Math.min(MOST_EDITS, Math.max(LEAST_EDITS, Math.floor(template.words.length * EDIT_SHARE)));
    let best: LicenseMatch | undefined;
    for (const start of starts) {
      const alignment = alignTemplate(template.words, words, start, limit);
      if (alignment !== undefined && (best === undefined || alignment.edits < best.edits))
        best = { id: template.id, start, ...alignment };
    }
    if (best !== undefined) found.push(best);
  }
  // The longest text wins; of two that are equally long, the one that needs fewer edits, then the shorter name (the list's general form).
  found.sort(
    (a, b) =>
      b.end - b.edits - b.start - (a.end - a.edits - a.start) ||
      a.edits - b.edits ||
      a.id.length - b.id.length ||
      (a.id < b.id ? -1 : 1),
  );
  const chosen: LicenseMatch[] = [];
  for (const match of found) {
    if (!chosen.some((other) => match.start < other.end && other.start < match.end)) chosen.push(match);
  }
  return chosen.sort((a, b) => a.start - b.start);
}

const TAG = /SPDX-License-Identifier:\s*([A-Za-z0-9.+-]+(?:\s+(?:AND|OR)\s+[A-Za-z0-9.+-]+)*)/;

/**
 * The licences of a text in BitBake's syntax: "MIT", "Apache-2.0 & MIT" where the text has several; "" where none is recognised. Without any
 * licence text in it, an SPDX-License-Identifier counts, the only way to say "or".
 */
export function nameLicense(index: LicenseIndex, text: string): string {
  const found = new Set(judgeLicense(index, parseLicenseText(text)).map((match) => match.id));
  if (found.size > 0) return [...found].sort().join(" & ");
  const tag = TAG.exec(text)?.[1] ?? "";
  const known = new Set(index.templates.map((template) => template.id));
  const ids = tag.split(/\s+(?:AND|OR)\s+/);
  // A mixture would need the precedence of SPDX expressions; nobody writes one in a licence file.
  if (tag === "" || !ids.every((id) => known.has(id)) || (/\bAND\b/.test(tag) && /\bOR\b/.test(tag))) return "";
  return tag.replaceAll(/\s+AND\s+/g, " & ").replaceAll(/\s+OR\s+/g, " | ");
}
