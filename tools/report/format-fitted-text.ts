/**
 * Width of a text in pixels, estimated on the wide side, because a page that stands alone cannot know which sans-serif its reader has. The factors are
 * those of DejaVu Sans, among the widest in use: narrower fonts leave air, they never overlap.
 */
export function estimateTextWidth(text: string, fontSizePx: number): number {
  let ems = 0;
  for (const character of text) {
    if (/[iljI.,:;'!|[\]()/ \u00A0]/u.test(character)) ems += 0.39;
    else if (/[A-Z_%&@#=+<>~]/u.test(character)) ems += 0.74;
    else if (/[mwMW…—]/u.test(character)) ems += 0.99;
    else if (/[\u0020-\u024F]/u.test(character)) ems += 0.635;
    else if (/[\u0300-\u10FF]/u.test(character)) ems += 0.8;
    else ems += 1.4;
  }
  return ems * fontSizePx;
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * The text, or as much of it as fits into `widthPx` with an ellipsis: at the end, or, for names whose end tells them apart, in the middle. Empty when not even
 * two characters fit.
 */
export function fitText(text: string, options: { widthPx: number; fontSizePx: number; cut?: "end" | "middle" }): string {
  if (estimateTextWidth(text, options.fontSizePx) <= options.widthPx) return text;
  // No text of more than this many characters fits any chart; cutting first keeps a 10 kB message cheap.
  const parts = [...graphemes.segment(text.length > 600 ? `${text.slice(0, 300)}${text.slice(-300)}` : text)].map(
    (part) => part.segment,
  );
  const cutTo = (keep: number): string => {
    const tail = options.cut === "middle" ? Math.floor(keep / 2) : 0;
    const end = tail === 0 ? "" : parts.slice(-tail).join("").trimStart();
    return `${parts
      .slice(0, keep - tail)
      .join("")
      .trimEnd()}…${end}`;
  };
  const fits = (keep: number): boolean => estimateTextWidth(cutTo(keep), options.fontSizePx) <= options.widthPx;
  // The longest that fits, by halving: `low` fits (or is too short to be worth showing), `high` does not.
  let low = 1;
  let high = parts.length;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low < 2 ? "" : cutTo(low);
}
