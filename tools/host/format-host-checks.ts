import type { HostCheck } from "./host-need.ts";

const MARK = { ok: "ok  ", missing: "FAIL", warning: "warn" } as const;

/** The checks as lines for a terminal, each lack followed by its repair, and one closing line. */
export function formatHostChecks(checks: readonly HostCheck[]): string {
  const width = Math.max(...checks.map((check) => check.name.length));
  const lines = checks.flatMap((check) => {
    const line = `${MARK[check.status]}  ${check.name.padEnd(width)}  ${check.found}`;
    return check.repair === undefined ? [line] : [line, `${" ".repeat(width + 8)}repair: ${check.repair}`];
  });
  const missing = checks.filter((check) => check.status === "missing").length;
  lines.push("", missing === 0 ? "This host is ready." : `${missing} of ${checks.length} checks failed.`);
  return lines.join("\n");
}
