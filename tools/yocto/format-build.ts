import { basename } from "node:path";
import type { BuildResult } from "./build-result.ts";
import { formatDuration, formatSize } from "./format-progress.ts";

function formatSstate(sstate: BuildResult["sstate"]): readonly string[] {
  if (sstate === null || sstate.wanted + sstate.current === 0) return [];
  const hits = sstate.local + sstate.mirrors;
  const share = sstate.wanted === 0 ? 100 : Math.round((100 * hits) / sstate.wanted);
  return [
    `  sstate: ${hits} of ${sstate.wanted} parts were built already (${share} %: ${sstate.local} here, ${sstate.mirrors} from the mirror), ${sstate.current} in place`,
  ];
}

/** The closing summary of a build. */
export function formatBuild(result: BuildResult): string {
  const { choice, tasks, artefacts } = result;
  const verb = { built: "built", planned: "planned, nothing was run", failed: "failed" }[result.outcome];
  const took = formatDuration(result.durationMs);
  const lines = [`${choice.image} for ${choice.machine} ${verb} (${took}).`];
  if (tasks !== null) {
    const what = result.outcome === "planned" ? "tasks that fetch" : "tasks";
    lines.push(`  ${what}: ${tasks.done} of ${tasks.total}${tasks.failed === 0 ? "" : `, ${tasks.failed} failed`}`);
  }
  lines.push(...formatSstate(result.sstate));
  if (result.warnings > 0) lines.push(`  warnings: ${result.warnings} (see the log)`);
  for (const image of artefacts?.images ?? []) lines.push(`  image: ${image.path} (${formatSize(image.bytes)})`);
  if (artefacts !== null) lines.push(`  machine: ${basename(artefacts.qemuboot)}`);
  lines.push(`  log: ${result.logs.output}`);
  if (result.outcome === "built") lines.push("", `Next: ./meta-k3s test ${choice.machine}`);
  return lines.join("\n");
}
