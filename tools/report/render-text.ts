import { findMemoryPeak, usedMib } from "./find-memory-peak.ts";
import { formatCount, formatDuration } from "./format-duration.ts";
import { formatEventKind } from "./format-event-kind.ts";
import { formatFailure } from "./format-failure.ts";
import { formatForeignLine } from "./format-foreign-text.ts";
import { formatOutcome, judgePodHealthy } from "./judge-outcome.ts";
import type { RunRecord } from "./run-record.ts";

const widthColumns = 80;
const nameColumns = 46;

/** Cuts a line that is laid out already; `cut` also makes one line of what a guest wrote. */
function clip(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1).toWellFormed()}…`;
}

function cut(text: string, columns: number): string {
  return clip(formatForeignLine(text), columns);
}

function formatStages(record: RunRecord): readonly string[] {
  const names = record.machines.length > 1;
  const stages = record.events
    .filter(
      (event) => event.kind !== "power-on" && event.kind !== "problem" && event.kind !== "pod-ready" && event.kind !== "job-done",
    )
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((event) => ({
      atMs: event.atMs,
      name:
        names || event.kind === "node-ready"
          ? `${formatEventKind(event, record)} (${event.subject})`
          : formatEventKind(event, record),
    }));
  return stages.map((stage) => `  ${cut(stage.name, nameColumns).padEnd(nameColumns)} ${formatDuration(stage.atMs).padStart(12)}`);
}

/** What was waited for longest, all the waits of a subject together, with the reason that took most of it. */
function formatWaits(record: RunRecord): readonly string[] {
  const spans = record.waits.map((wait) => ({
    subject: wait.subject,
    reason: wait.reason,
    lengthMs: Math.max(0, wait.toMs - wait.fromMs),
  }));
  const subjects = [...Map.groupBy(spans, (span) => span.subject)].map(([subject, own]) => {
    const sumMs = own.reduce((sum, span) => sum + span.lengthMs, 0);
    const { reason } = own.reduce((most, span) => (span.lengthMs > most.lengthMs ? span : most));
    return { subject, reason, sumMs };
  });
  return subjects
    .sort((a, b) => b.sumMs - a.sumMs)
    .slice(0, 5)
    .map((wait) => {
      const time = formatDuration(wait.sumMs).padStart(12);
      return clip(
        `  ${cut(wait.subject, nameColumns).padEnd(nameColumns)} ${time}  ${formatForeignLine(wait.reason)}`,
        widthColumns,
      );
    });
}

function formatCluster(record: RunRecord): readonly string[] {
  const nodes = record.nodes.map((node) =>
    clip(
      `  ${node.ready ? "Ready    " : "Not Ready"}  ${formatForeignLine(`node ${node.name} ${node.version}${node.ready ? "" : `: ${node.reason}`}`)}`,
      widthColumns,
    ),
  );
  const pods = record.pods
    .toSorted((a, b) => Number(judgePodHealthy(a)) - Number(judgePodHealthy(b)))
    .map((pod) => {
      const state = pod.ready ? "Ready" : pod.phase === "Succeeded" ? "Completed" : "Not Ready";
      const why = judgePodHealthy(pod) ? "" : `: ${pod.reason === "" ? pod.phase : pod.reason}`;
      const restarts = pod.restarts === 0 ? "" : `, ${pod.restarts} restart${pod.restarts === 1 ? "" : "s"}`;
      return clip(`  ${state.padEnd(9)}  pod ${formatForeignLine(`${pod.namespace}/${pod.name}${why}${restarts}`)}`, widthColumns);
    });
  const shown = pods.slice(0, 20);
  return [...nodes, ...shown, ...(pods.length > shown.length ? [`  … and ${pods.length - shown.length} more pods`] : [])];
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", title, ...lines];
}

/**
 * The closing summary for a terminal of 80 columns: verdict, stages, longest waits, nodes and pods, and where the report is (`reportPath`, shown as given).
 * No colour; ends with a newline.
 */
export function renderText(record: RunRecord, options: { reportPath: string | undefined }): string {
  const { verdict } = record;
  const peak = findMemoryPeak(record.memory);
  const started = record.machines.length > 0 ? ` after ${formatDuration(verdict.atMs)}` : "";
  const machine = record.machines[0];
  const facts = [
    ...(machine === undefined
      ? []
      : [`${machine.accelerator.toUpperCase()}, ${machine.cpus} vCPUs, ${formatCount(machine.memoryMib)} MiB`]),
    ...(peak === undefined ? [] : [`memory at peak ${formatCount(usedMib(peak))} MiB`]),
    ...(record.machines.some((one) => one.guest.standIn) ? ["stand-in for k3s"] : []),
  ];
  const lines = [
    `${formatOutcome(record)}${started}: ${formatForeignLine(record.name)}`,
    verdict.outcome === "ready" ? formatForeignLine(verdict.summary) : formatFailure(record).trimEnd(),
    ...(facts.length === 0 ? [] : ["", facts.join("; ")]),
    ...section("Time from power-on", formatStages(record)),
    ...section("Longest waits", formatWaits(record)),
    ...section("Cluster", formatCluster(record)),
    ...(options.reportPath === undefined ? [] : ["", `Report: ${options.reportPath}`]),
  ];
  return `${lines.join("\n")}\n`;
}
