import { findMemoryPeak, usedMib } from "./find-memory-peak.ts";
import { chartSizes } from "./chart.ts";
import { formatCount, formatDuration } from "./format-duration.ts";
import { formatEventKind } from "./format-event-kind.ts";
import { formatForeignLine, formatForeignText } from "./format-foreign-text.ts";
import { formatOutcome, judgePodHealthy } from "./judge-outcome.ts";
import type { FactList, Page } from "./page.ts";
import { planLongText, planTables } from "./plan-page-tables.ts";
import { planTimeline } from "./plan-timeline.ts";
import type { RunRecord } from "./run-record.ts";

function fact(name: string, value: string | null, code = false): FactList["facts"][number] {
  const known = value === null || value === "" ? "not known" : formatForeignLine(value).slice(0, 2000).toWellFormed();
  return { name, value: known, code };
}

function planFacts(record: RunRecord): readonly FactList[] {
  const { host } = record;
  return [
    ...record.machines.map((machine) => ({
      title: record.machines.length > 1 ? `Machine ${formatForeignLine(machine.name)}` : "Machine",
      facts: [
        fact(
          "k3s",
          machine.guest.standIn ? `${machine.guest.k3sVersion ?? "unknown version"} (stand-in)` : machine.guest.k3sVersion,
        ),
        fact("Kernel", machine.guest.kernelVersion),
        fact("System", machine.guest.osName),
        fact("Container runtime", machine.guest.containerRuntime),
        fact("Hardware", `${machine.arch}, ${machine.cpus} × ${machine.cpu}, ${formatCount(machine.memoryMib)} MiB`),
        fact("Started by", machine.launcher === "qemu" ? "QEMU directly" : "runqemu"),
        fact("Accelerator", `${machine.accelerator.toUpperCase()}: ${machine.acceleratorReason}`),
        fact("Image", machine.image, true),
        fact("Kernel command line", machine.kernelCommandLine, true),
      ],
    })),
    {
      title: "Host",
      facts: [
        fact("System", host.os),
        fact("Hardware", `${host.cpus} CPUs, ${formatCount(host.memoryMib)} MiB`),
        fact("QEMU", host.qemuVersion),
        fact("Whole run", formatDuration(record.durationMs)),
        fact("Started", record.startedAt),
        fact("Exit code", String(record.verdict.exitCode)),
      ],
    },
  ];
}

function formatShare(good: number, all: number): { value: string; style: string } {
  return { value: `${good} of ${all}`, style: good === all ? "" : "bad" };
}

function planTiles(record: RunRecord): Page["tiles"] {
  const tiles: { name: string; value: string; note: string; style: string }[] = [];
  const { nodes, pods, checks, memory, verdict } = record;
  if (nodes.length > 0)
    tiles.push({ name: "Nodes Ready", ...formatShare(nodes.filter((node) => node.ready).length, nodes.length), note: "" });
  if (pods.length > 0) {
    const restarts = pods.reduce((sum, pod) => sum + pod.restarts, 0);
    tiles.push({
      name: "Pods healthy",
      ...formatShare(pods.filter(judgePodHealthy).length, pods.length),
      note: restarts === 0 ? "no restarts" : `${restarts} restarts`,
    });
  }
  if (checks.length > 0)
    tiles.push({
      name: "Checks passed",
      ...formatShare(checks.filter((check) => check.outcome === "passed").length, checks.length),
      note: "",
    });
  const peak = findMemoryPeak(memory);
  if (peak !== undefined) {
    tiles.push({
      name: "Memory at peak",
      value: `${formatCount(usedMib(peak))} MiB`,
      note: `of ${formatCount(peak.totalMib)} MiB${record.machines.length > 1 ? ` on ${formatForeignLine(peak.machine)}` : ""}`,
      style: "",
    });
  }
  // A scenario's own verdict has no window: each of its waits for a cluster had one.
  if (verdict.outcome === "ready" && verdict.stableForMs > 0)
    tiles.push({ name: "Stable for", value: formatDuration(verdict.stableForMs), note: "without a restart", style: "" });
  const machine = record.machines[0];
  if (machine !== undefined) {
    tiles.push({
      name: "Accelerator",
      value: machine.accelerator.toUpperCase(),
      note: `${machine.cpus} vCPUs, ${formatCount(machine.memoryMib)} MiB`,
      style: "",
    });
  }
  return tiles;
}

const tones = { ready: "good", "not-ready": "bad", "guest-failed": "bad", "environment-failed": "warn", aborted: "warn" } as const;

function planChartText(record: RunRecord): string {
  const points = record.events
    .filter((event) => event.kind !== "pod-ready" && event.kind !== "job-done")
    .toSorted((a, b) => a.atMs - b.atMs)
    .slice(0, 20)
    .map((event) => `${formatEventKind(event, record)} at ${formatDuration(event.atMs)}`);
  return `${points.length === 0 ? "No event was recorded" : points.join(", ")}. The tables below hold every event and every wait.`;
}

/** Everything the page shows, worked out from the record. */
export function planPage(record: RunRecord): Page {
  const { verdict } = record;
  const word = formatOutcome(record);
  const tone = tones[verdict.outcome];
  const started = record.machines.length > 0;
  const figure = started ? formatDuration(verdict.atMs) : "";
  const simple = /^(?<number>[\d.]+) s$/u.exec(figure)?.groups?.["number"];
  const color = { good: "%2300735a", bad: "%23b8420a", warn: "%23806000" }[tone];
  return {
    documentTitle: `${word} · ${formatForeignLine(record.name)} · meta-k3s`,
    name: formatForeignLine(record.name),
    startedAt: record.startedAt.replace("T", " ").replace(/(?:\.\d+)?Z$/u, " UTC"),
    tone,
    good: tone === "good",
    bad: tone === "bad",
    verdict: word,
    figure: simple ?? figure,
    unit: simple === undefined ? "" : "s",
    figureNote: started ? "after power-on" : "",
    summary: formatForeignLine(verdict.summary).slice(0, 600).toWellFormed(),
    standIn: record.machines.some((machine) => machine.guest.standIn),
    tiles: planTiles(record),
    problems: verdict.problems.slice(0, 20).map((problem) => ({
      code: formatForeignLine(problem.code),
      subject: formatForeignLine(problem.subject),
      message: planLongText(problem.message),
      hint: problem.hint === null ? "" : formatForeignText(problem.hint),
    })),
    chartText: planChartText(record),
    charts: record.machines.length === 0 && record.events.length === 0 ? [] : chartSizes.map((size) => planTimeline(record, size)),
    tables: planTables(record),
    facts: planFacts(record),
    command: formatForeignLine(record.command),
    toolVersion: record.toolVersion,
    icon: `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='4' fill='${color}'/%3E%3C/svg%3E`,
  };
}
