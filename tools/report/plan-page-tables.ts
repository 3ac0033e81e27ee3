import { formatBytes, formatCount, formatDuration } from "./format-duration.ts";
import { formatEventKind } from "./format-event-kind.ts";
import { formatForeignLine, formatForeignText } from "./format-foreign-text.ts";
import { judgePodHealthy } from "./judge-outcome.ts";
import type { Cell, LongText, Table } from "./page.ts";
import type { RunRecord } from "./run-record.ts";

const shortLimit = 280;
const fullLimit = 4000;
const maxVisibleRows = 30;
const maxDetailRows = 600;

/** Splits a text of any length into what is shown at once and, when it is long, the whole. */
export function planLongText(text: string): LongText {
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
      { text: formatEventKind(event, record), style: event.kind === "problem" ? "brief bad" : "brief" },
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

/** The tables below the timeline, those without rows left out. */
export function planTables(record: RunRecord): readonly Table[] {
  const tables = [
    planChecks(record),
    planNodes(record),
    planPods(record),
    planFiles(record),
    planEvents(record),
    planWaits(record),
  ];
  return tables.filter((table) => table.rows.length > 0);
}
