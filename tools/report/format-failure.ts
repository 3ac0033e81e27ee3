import { formatForeignLine } from "./format-foreign-text.ts";
import type { RunRecord } from "./run-record.ts";

const widthColumns = 80;
const maxProblems = 4;
const maxLines = 5;

/** Breaks a text into lines of at most `widthColumns`, at blanks where there are any. */
function wrap(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of formatForeignLine(text).slice(0, 2000).toWellFormed().split(" ")) {
    const next = line === "" ? `${indent}${word}` : `${line} ${word}`;
    if (next.length > widthColumns && line !== "") {
      lines.push(line);
      line = `${indent}${word}`;
    } else {
      line = next;
    }
  }
  lines.push(line);
  const shown = lines
    .slice(0, maxLines)
    .map((one) => (one.length > widthColumns ? `${one.slice(0, widthColumns - 1).toWellFormed()}…` : one));
  return lines.length > maxLines ? [...shown, `${indent}…`] : shown;
}

/**
 * The few lines that explain in a terminal why a run failed: the summary, then each problem with its next step, most important first. Empty for a run that is
 * Ready; ends with a newline otherwise.
 */
export function formatFailure(record: RunRecord): string {
  const { verdict } = record;
  if (verdict.outcome === "ready") return "";
  const shown = verdict.problems.slice(0, maxProblems);
  const lines = [
    ...wrap(verdict.summary, ""),
    ...shown.flatMap((problem) => [
      ...wrap(`${problem.subject} (${problem.code}): ${problem.message}`, "  "),
      ...(problem.hint === null ? [] : wrap(`next step: ${problem.hint}`, "    ")),
    ]),
    ...(verdict.problems.length > shown.length
      ? [`  … and ${verdict.problems.length - shown.length} more problems in the report`]
      : []),
  ];
  return `${lines.join("\n")}\n`;
}
