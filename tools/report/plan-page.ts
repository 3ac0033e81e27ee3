import { formatBytes, formatCount, formatDuration } from "./format-duration.ts";
import { formatForeignLine, formatForeignText } from "./format-foreign-text.ts";
import { chartSizes, type Chart } from "./chart.ts";
import { formatEventKind } from "./format-event-kind.ts";
import { formatOutcome, judgePodHealthy } from "./judge-outcome.ts";
import { planTimeline } from "./plan-timeline.ts";
import type { RunRecord } from "./run-record.ts";

/** A text of any length: what is shown at once, and the whole behind a fold when it is long. */
export interface LongText {
  readonly short: string;
  readonly full: string;
}

export interface Cell extends LongText {
  /** Name of the column, shown in front of the cell on narrow screens. */
  readonly label: string;
  readonly style: string;
  readonly href: string;
}

export interface Table {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly columns: readonly { readonly name: string; readonly style: string }[];
  readonly rows: readonly { readonly cells: readonly Cell[] }[];
  /** Rows behind a fold, and what it says. */
  readonly moreTitle: string;
  readonly moreRows: readonly { readonly cells: readonly Cell[] }[];
  /** True when the whole table is detail for the curious. */
  readonly folded: boolean;
}

export interface FactList {
  readonly title: string;
  readonly facts: readonly { readonly name: string; readonly value: string; readonly code: boolean }[];
}

/** What the page's template fills in: finished strings and lists of them, nothing to decide. */
export interface Page {
  readonly documentTitle: string;
  readonly name: string;
  readonly startedAt: string;
  readonly tone: "good" | "bad" | "warn";
  readonly good: boolean;
  readonly bad: boolean;
  readonly verdict: string;
  readonly figure: string;
  readonly unit: string;
  readonly figureNote: string;
  readonly summary: string;
  readonly standIn: boolean;
  readonly tiles: readonly { readonly name: string; readonly value: string; readonly note: string; readonly style: string }[];
  readonly problems: readonly {
    readonly code: string;
    readonly subject: string;
    readonly message: LongText;
    readonly hint: string;
  }[];
  readonly chartText: string;
  readonly charts: readonly Chart[];
  readonly tables: readonly Table[];
  readonly facts: readonly FactList[];
  readonly command: string;
  readonly toolVersion: string;
  readonly icon: string;
}

const shortLimit = 280;
const fullLimit = 4000;
const maxVisibleRows = 30;
const maxDetailRows = 600;

function planLongText(text: string): LongText {
  const whole = formatForeignText(text).trim();
  const line = formatForeignLine(whole);
  if (line.length <= shortLimit && whole.split("\n").length <= 2) return { short: line, full: "" };
  const left = whole.length - fullLimit;
  const full = left > 0 ? `${whole.slice(0, fullLimit).toWellFormed()}\n… ${formatCount(left)} more characters in run.json` : whole;
  return {
    short: `${line
      .slice(0, shortLimit - 80)
      .toWellFormed()
      .trimEnd()}…`,
    full,
  };
}

interface Value {
  readonly text: string;
  readonly style?: string;
  readonly href?: string;
}

function planTable(
  table: { id: string; title: string; note?: string; columns: readonly string[]; numeric?: readonly string[]; folded?: boolean },
  rows: readonly (readonly Value[])[],
  moreNoun = "more",
): Table {
  // A column that has nothing to say in any row is left out.
  const kept = table.columns.map((_, index) => index === 0 || rows.some((row) => row[index]?.text !== ""));
  const styleOf = (column: string): string => (table.numeric?.includes(column) === true ? "num" : "");
  const finished = rows.slice(0, maxDetailRows).map((row) => ({
    cells: row
      .map((value, index): Cell => {
        const label = table.columns[index] ?? "";
        const style = `${value.style ?? ""} ${styleOf(label)} ${value.text === "" ? "empty" : ""}`;
        return { label, ...planLongText(value.text), style: style.replaceAll(/\s+/gu, " ").trim(), href: value.href ?? "" };
      })
      .filter((_, index) => kept[index] === true),
  }));
  const cut = table.folded === true || finished.length <= maxVisibleRows + 5 ? finished.length : maxVisibleRows;
  const beyond = rows.length - finished.length;
  return {
    id: table.id,
    title: table.title,
    note: [table.note ?? "", beyond > 0 ? `${formatCount(beyond)} more in run.json` : ""].filter((part) => part !== "").join(" · "),
    columns: table.columns.filter((_, index) => kept[index] === true).map((name) => ({ name, style: styleOf(name) })),
    rows: finished.slice(0, cut),
    moreTitle: finished.length > cut ? `${formatCount(finished.length - cut)} ${moreNoun}` : "",
    moreRows: finished.slice(cut),
    folded: table.folded ?? false,
  };
}

function planChecks(record: RunRecord): Table {
  const words = { passed: "Passed", failed: "Failed", "not-judged": "Not judged" } as const;
  const styles = { passed: "good", failed: "bad", "not-judged": "muted" } as const;
  const order = { failed: 0, "not-judged": 1, passed: 2 } as const;
  const rows = record.checks
    .toSorted((a, b) => order[a.outcome] - order[b.outcome])
    .map((check) => [
      { text: words[check.outcome], style: `state ${styles[check.outcome]}` },
      { text: check.name, style: "name" },
      { text: check.atMs === null ? "" : formatDuration(check.atMs) },
      { text: [check.reason, check.message].filter((part) => part !== "").join(": ") },
    ]);
  return planTable(
    { id: "checks", title: "Checks", columns: ["Outcome", "Expectation", "Held from", "Why"], numeric: ["Held from"] },
    rows,
  );
}

function planNodes(record: RunRecord): Table {
  const rows = record.nodes
    .toSorted((a, b) => Number(a.ready) - Number(b.ready))
    .map((node) => [
      { text: node.ready ? "Ready" : "Not Ready", style: `state ${node.ready ? "good" : "bad"}` },
      { text: node.name, style: "name" },
      { text: node.version, style: "brief" },
      { text: node.ready ? "" : [node.reason, node.message].filter((part) => part !== "").join(": ") },
    ]);
  return planTable({ id: "nodes", title: "Nodes", columns: ["State", "Node", "Version", "Why"] }, rows);
}

function formatPodState(pod: RunRecord["pods"][number]): string {
  if (pod.ready) return "Ready";
  if (pod.phase === "Succeeded") return "Completed";
  return pod.reason === "" ? pod.phase : pod.reason;
}

function planPods(record: RunRecord): Table {
  const rows = record.pods
    .toSorted((a, b) => Number(judgePodHealthy(a)) - Number(judgePodHealthy(b)))
    .map((pod) => [
      { text: formatPodState(pod), style: `state ${judgePodHealthy(pod) ? "good" : "bad"}` },
      { text: `${pod.namespace}/${pod.name}`, style: "name" },
      { text: String(pod.restarts), style: pod.restarts > 0 ? "bad" : "" },
      { text: pod.node, style: "brief" },
      { text: pod.images.join(", "), style: "quiet" },
    ]);
  return planTable(
    { id: "pods", title: "Pods", columns: ["State", "Pod", "Restarts", "Node", "Images"], numeric: ["Restarts"] },
    rows,
    "more pods",
  );
}

function planEvents(record: RunRecord): Table {
  const rows = record.events
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((event) => [
      { text: formatDuration(event.atMs) },
      { text: formatEventKind(event.kind), style: event.kind === "problem" ? "brief bad" : "brief" },
      { text: event.subject, style: "name" },
      { text: event.detail },
    ]);
  return planTable(
    { id: "events", title: "Every event of the timeline", columns: ["At", "What", "Who", "Detail"], numeric: ["At"], folded: true },
    rows,
  );
}

function planWaits(record: RunRecord): Table {
  const rows = record.waits
    .toSorted((a, b) => a.fromMs - b.fromMs)
    .map((wait) => [
      { text: formatDuration(wait.fromMs) },
      { text: formatDuration(wait.toMs - wait.fromMs) },
      { text: wait.subject, style: "name" },
      { text: wait.reason, style: "brief" },
      { text: wait.message },
    ]);
  return planTable(
    {
      id: "waits",
      title: "Every wait",
      columns: ["From", "For", "Waited for", "Reason", "Message"],
      numeric: ["From", "For"],
      folded: true,
    },
    rows,
  );
}

/** A link to a file in the bundle, from the page beside the bundle's folder. */
function formatHref(folder: string, path: string): string {
  return `./${[...folder.split("/"), ...path.split("/")].map(encodeURIComponent).join("/")}`;
}

function planFiles(record: RunRecord): Table {
  const { bundle } = record;
  const rows = (bundle?.files ?? []).map((file) => [
    { text: file.path, style: "name", href: bundle === null || file.bytes === 0 ? "" : formatHref(bundle.folder, file.path) },
    { text: file.answers },
    { text: formatBytes(file.bytes) },
    { text: file.problem ?? "", style: file.problem === null ? "" : "bad" },
  ]);
  const note = bundle === null ? "" : `in ${bundle.folder}/ beside this page, secrets removed`;
  return planTable(
    { id: "bundle", title: "Failure bundle", note, columns: ["File", "Answers", "Size", "Missing because"], numeric: ["Size"] },
    rows,
    "more files",
  );
}

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
  if (memory.length > 0) {
    const peak = memory.reduce((most, sample) =>
      sample.totalMib - sample.availableMib > most.totalMib - most.availableMib ? sample : most,
    );
    tiles.push({
      name: "Memory at peak",
      value: `${formatCount(peak.totalMib - peak.availableMib)} MiB`,
      note: `of ${formatCount(peak.totalMib)} MiB${record.machines.length > 1 ? ` on ${formatForeignLine(peak.machine)}` : ""}`,
      style: "",
    });
  }
  if (verdict.outcome === "ready")
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
    .map((event) => `${formatEventKind(event.kind)} at ${formatDuration(event.atMs)}`);
  return `${points.length === 0 ? "No event was recorded" : points.join(", ")}. The tables below hold every event and every wait.`;
}

/** Everything the page shows, worked out from the record. */
export function planPage(record: RunRecord): Page {
  const { verdict } = record;
  const word = formatOutcome(verdict.outcome);
  const tone = tones[verdict.outcome];
  const started = record.machines.length > 0;
  const figure = started ? formatDuration(verdict.atMs) : "";
  const simple = /^(?<number>[\d.]+) s$/u.exec(figure)?.groups?.["number"];
  const tables = [
    planChecks(record),
    planNodes(record),
    planPods(record),
    planFiles(record),
    planEvents(record),
    planWaits(record),
  ];
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
    tables: tables.filter((table) => table.rows.length > 0),
    facts: planFacts(record),
    command: formatForeignLine(record.command),
    toolVersion: record.toolVersion,
    icon: `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='4' fill='${color}'/%3E%3C/svg%3E`,
  };
}
