import { markdownTable } from "markdown-table";
import { formatCount, formatDuration } from "../../tools/report/format-duration.ts";
import { formatForeignCell, formatForeignLine } from "../../tools/report/format-foreign-text.ts";
import type { TestResult } from "./test-result.ts";

/** Enough of a digest to tell one from another. */
const DIGEST_LENGTH = 12;

/** Without the file: "join: a server and … > holds" says where it is. */
function formatTest(test: string): string {
  return test.split(" > ").slice(1).join(": ");
}

function planRow(result: TestResult): string[] {
  return [
    formatTest(result.test),
    /^[0-9a-f]{64}$/u.test(result.k3s) ? `sha256 ${result.k3s.slice(0, DIGEST_LENGTH)}` : result.k3s,
    `${result.startedAt.slice(0, 16).replace("T", " ")} UTC`,
    formatDuration(result.durationMs),
    result.outcome,
  ].map((cell) => formatForeignCell(cell));
}

/** Tests that boot machines, one a row, as a Markdown table; below it of which source they are, how many passed, and on which hosts. */
export function renderResultTable(results: readonly TestResult[], source: string): string {
  const passed = results.filter(({ outcome }) => outcome === "passed").length;
  const hosts = results.map(
    ({ host }) => `Host: ${formatForeignLine(host.os)}, ${host.cpus} CPUs, ${formatCount(host.memoryMib)} MiB`,
  );
  return [
    markdownTable([["test", "k3s", "started", "time", "result"], ...results.map((result) => planRow(result))]),
    "",
    `Source ${source.slice(0, DIGEST_LENGTH)}: ${passed} of the ${results.length} tests that were run passed`,
    ...new Set(hosts),
  ].join("\n");
}
