import { formatBytes } from "./format-duration.ts";
import { formatForeignCell as cell } from "./format-foreign-text.ts";
import type { BundleFile } from "./run-record.ts";

/** INDEX.md of a bundle: which file answers which question, and which could not be had. */
export function formatBundleIndex(files: readonly BundleFile[]): string {
  const whole = files.filter((file) => file.bytes > 0);
  const missing = files.filter((file) => file.problem !== null);
  const rows = whole.map(
    (file) => `| [${cell(file.path)}](${encodeURI(file.path)}) | ${cell(file.answers)} | ${formatBytes(file.bytes)} |`,
  );
  const lines = [
    "# Failure bundle",
    "",
    "What was seen when the run failed. Tokens, keys and passwords were removed: `[removed]` stands where they stood.",
    "",
    "| File | Question | Size |",
    "| --- | --- | --- |",
    ...rows,
    ...(missing.length === 0
      ? []
      : ["", "## Missing or incomplete", "", ...missing.map((file) => `- ${cell(file.path)}: ${cell(file.problem ?? "")}`)]),
  ];
  return `${lines.join("\n")}\n`;
}
