import type { KernelFinding, KernelUse } from "./kernel-need.ts";

function formatFinding(finding: KernelFinding): string {
  const { need } = finding;
  const wanted = need.value === "n" ? "not set" : `${need.value}${need.value === "m" && !need.exact ? " or y" : ""}`;
  const deed = finding.status === "module-missing" ? "add its kernel-module package to the image" : `merge ${need.fragment}`;
  return `  ${need.symbol} ${finding.found}, must be ${wanted}\n      why: ${need.reason}\n      cure: ${deed}`;
}

/** The findings for a terminal: what fails, what is only recommended, and one closing line. */
export function formatKernelFindings(findings: readonly KernelFinding[], use: KernelUse, source: string): string {
  const open = findings.filter((finding) => finding.status !== "met");
  const failed = open.filter((finding) => finding.need.level === "required");
  const advised = open.filter((finding) => finding.need.level === "recommended");
  const lines = [
    `${source}: Linux ${use.version.join(".")} for ${use.arch}, snapshotter ${use.snapshotter}, flannel ${use.flannel}, iptables ${use.iptables}`,
  ];
  if (failed.length > 0) lines.push("", "Required and missing:", ...failed.map(formatFinding));
  if (advised.length > 0) lines.push("", "Recommended and missing:", ...advised.map(formatFinding));
  const met = findings.length - open.length;
  lines.push(
    "",
    `${met} of ${findings.length} needs are met, ${failed.length} required and ${advised.length} recommended ones are not.`,
  );
  return lines.join("\n");
}
