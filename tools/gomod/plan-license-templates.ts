import type { LicenseTemplate } from "./judge-license.ts";
import { parseLicenseText } from "./parse-license-text.ts";
import type { LicenseWords } from "./parse-license-text.ts";

/** An entry of the SPDX list: identifier and plain text. */
export interface ListedLicense {
  readonly id: string;
  readonly text: string;
}

// Where the list's templates mark what follows as optional: how to apply the licence to one's own work.
const OPTIONAL_TAILS = ["end of terms and conditions", "how to apply these terms to your new programs"];
const TITLE_WORDS = 8;

/** Notices that stand for the whole text, cut from the text itself: [licence, first words, last words]. */
const NOTICES: readonly (readonly [string, string, string])[] = [
  [
    "Apache-2.0",
    "licensed under the apache license version 2 0 the license you may not use this file",
    "limitations under the license",
  ],
  [
    "MPL-2.0",
    "this source code form is subject to the terms of the mozilla public license v 2 0",
    "you can obtain one at http mozilla org mpl 2 0",
  ],
];

/** Titles are optional by the matching guidelines, and many files have their own. */
function withoutTitle(text: string): string {
  const lines = text.split("\n");
  for (let taken = 0; taken < 3; taken += 1) {
    while (lines[0]?.trim() === "") lines.shift();
    const first = lines[0] ?? "";
    const isTitle = first.trim().split(/\s+/).length <= TITLE_WORDS && /licen[sc]e|^version\b|^https?:/i.test(first.trim());
    if (!isTitle || lines.length < 2) break;
    lines.shift();
  }
  return lines.join("\n");
}

function cutBetween(words: LicenseWords, first: string, last: string): LicenseWords {
  const text = ` ${words.join(" ")} `;
  const from = text.indexOf(` ${first} `);
  if (from < 0) return [];
  const to = text.indexOf(` ${last} `, from);
  return to < 0 ? [] : text.slice(from + 1, to + last.length + 1).split(" ");
}

function withoutTail(words: LicenseWords): LicenseWords {
  const text = ` ${words.join(" ")} `;
  const cuts = OPTIONAL_TAILS.map((tail) => text.indexOf(` ${tail} `)).filter((at) => at > 0);
  return cuts.length === 0 ? words : text.slice(1, Math.min(...cuts)).split(" ");
}

/** The SPDX list as templates for judge-license.ts: titles and closing instructions, which the list marks as optional, left out. */
export function planLicenseTemplates(list: readonly ListedLicense[]): readonly LicenseTemplate[] {
  const templates: LicenseTemplate[] = [];
  const ids = new Set(list.map(({ id }) => id));
  for (const { id, text } of list) {
    // The GNU licences stand in the list under four names with one text, which does not say whether a later version may be chosen.
    if (!id.endsWith("-only") && ids.has(`${id.replace(/(-or-later|\+)$/, "")}-only`)) continue;
    const words = withoutTail(parseLicenseText(withoutTitle(text)));
    if (words.length > 0) templates.push({ id, words });
    for (const [noticed, first, last] of NOTICES) {
      const notice = noticed === id ? cutBetween(parseLicenseText(text), first, last) : [];
      if (notice.length > 0) templates.push({ id, words: notice });
    }
  }
  return templates;
}
