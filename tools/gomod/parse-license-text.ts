/** A licence text as a sequence of words in which everything that the SPDX matching guidelines call immaterial is gone. */
export type LicenseWords = readonly string[];

// SPDX License List Matching Guidelines (SPDX specification, annex B), section "Varietal word spelling", as far as it occurs in software.
const VARIETAL = new Map([
  ["licence", "license"],
  ["licences", "licenses"],
  ["licenced", "licensed"],
  ["licencing", "licensing"],
  ["sublicence", "sublicense"],
  ["acknowledgement", "acknowledgment"],
  ["analogue", "analog"],
  ["authorisation", "authorization"],
  ["authorised", "authorized"],
  ["favour", "favor"],
  ["fulfilment", "fulfillment"],
  ["initialise", "initialize"],
  ["judgement", "judgment"],
  ["labour", "labor"],
  ["modelled", "modeled"],
  ["organisation", "organization"],
  ["organisations", "organizations"],
  ["practise", "practice"],
  ["programme", "program"],
  ["realise", "realize"],
  ["recognise", "recognize"],
  ["utilisation", "utilization"],
  ["whilst", "while"],
  ["wilful", "willful"],
  ["centre", "center"],
  ["https", "http"],
]);

// Lines that name the holder: "Copyright (c) 2015 …", "(c) …", "Copyright The … Authors", "All rights reserved". A running sentence that a
// line break happens to begin with the word ("copyright holders be liable") is not one: it goes on in small letters or in capitals only.
const COPYRIGHT_LINE =
  /^[\s*#/\->]*(?:[Pp]ortions |[Mm]odified [Ww]ork |[Oo]riginal [Ww]ork |[Pp]arts )?(?:(?:[Cc]opyright|COPYRIGHT|Copr\.?)\s*(?:\([cC]\)|©|:|[0-9<[{$]|[Bb]y\b|[A-Z][a-z]|[a-z]+[A-Z@])|©|\([cC]\)\s*(?:[0-9]|©|[Cc]opyright\b)).*$/;
const RIGHTS_LINE = /^[\s*#/\->]*all rights reserved\.?\s*$/i;
const BULLET = /^[\s*#/>]*(?:[-*•o+]\s+|(?:\(?(?:\d{1,2}(?:\.\d{1,2})*|[a-z]|[ivx]{1,4})[.)]|\d{1,2}\.\d{1,2})\s+)+/i;

// What the templates of the SPDX list mark as replaceable in the BSD, MIT, ISC and Apache families: the names of the people.
const REPLACEABLE: readonly (readonly [RegExp, string])[] = [
  [
    /\bneither (?:the )?names? (?:of )?.{1,300}? nor (?:the )?names? of (?:its|their|the|any|his|other|of|\w+'s)?\s?.{0,80}?(?:contributors?|authors?)?\s?may be used/g,
    "neither the name of holder nor the names of its contributors may be used",
  ],
  [
    /\bthe names? of (?:its|the) contributors? may not be used/g,
    "neither the name of holder nor the names of its contributors may be used",
  ],
  [/\b(?:is|are) provided by .{1,300}? as is\b/g, "is provided by holder as is"],
  [/\bin no event (?:shall|will) .{1,300}? be (?:held )?(?:liable|responsible)\b/g, "in no event shall holder be liable"],
  [/\band (?:the )?(?:\w+ ){1,4}disclaims? all warranties\b/g, "and holder disclaims all warranties"],
  [
    /\bexcept as contained in this notice the names? of .{1,200}? shall not be\b/g,
    "except as contained in this notice the name of holder shall not be",
  ],
];

function normaliseLine(line: string): string {
  if (COPYRIGHT_LINE.test(line) || RIGHTS_LINE.test(line)) return "";
  return line.replace(BULLET, " ");
}

/**
 * Reduces a text to its material words by the SPDX matching guidelines: no case, punctuation, white space, bullets, numbering, copyright
 * notices; one spelling of each word; the names of holders replaced where the list's templates allow any name.
 */
export function parseLicenseText(text: string): LicenseWords {
  const plain = text
    .normalize("NFKC")
    .replaceAll(/<\/?[a-z][a-z0-9]*>/gi, " ")
    .split(/\r\n|\r|\n/)
    .map((line) => normaliseLine(line))
    .join("\n")
    .toLowerCase()
    .replaceAll(/sub[-\s]+licen[sc]e/g, "sublicense")
    .replaceAll(/per cent/g, "percent")
    .replaceAll(/[a-z]-\s*\n\s*[a-z]/g, (broken) => broken.replaceAll(/\s/g, ""))
    .replaceAll(/['’`´‘]/g, "")
    .replaceAll(/[^a-z0-9]+/g, " ");
  const words = plain
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => VARIETAL.get(word) ?? word)
    .join(" ");
  let named = words;
  for (const [pattern, replacement] of REPLACEABLE) named = named.replaceAll(pattern, replacement);
  return named.split(" ").filter((word) => word !== "");
}
