import { markdownTable } from "markdown-table";
import { findMemoryPeak, usedMib } from "./find-memory-peak.ts";
import { formatCount, formatDuration } from "./format-duration.ts";
import { formatForeignCell, formatForeignLine } from "./format-foreign-text.ts";
import { formatOutcome } from "./judge-outcome.ts";
import type { RunRecord } from "./run-record.ts";

const COLUMNS = ["run", "started", "machines", "k3s", "SSH", "API", "end", "memory", "verdict"] as const;
const NOT_REACHED = "–";

/** "x86_64, TCG", or "3 × arm, TCG" where a run had several of a kind. */
function formatMachines(record: RunRecord): string {
  const kinds = Map.groupBy(record.machines, ({ arch, accelerator }) => `${arch}, ${accelerator.toUpperCase()}`);
  const texts = [...kinds].map(([kind, machines]) => (machines.length === 1 ? kind : `${machines.length} × ${kind}`));
  return texts.join("; ") || NOT_REACHED;
}

/** The version alone, of all that `k3s --version` says; the stand-in's says in itself what it is. */
function formatK3s(record: RunRecord): string {
  const versions = record.machines.flatMap(({ guest }) => /\bv\d\S*/u.exec(guest.k3sVersion ?? "") ?? []);
  return [...new Set(versions)].join(", ") || NOT_REACHED;
}

function formatFirst(record: RunRecord, kind: RunRecord["events"][number]["kind"]): string {
  const times = record.events.filter((event) => event.kind === kind).map((event) => event.atMs);
  return times.length === 0 ? NOT_REACHED : formatDuration(Math.min(...times));
}

/** The most that one machine had in use at once. */
function formatPeak(record: RunRecord): string {
  const peak = findMemoryPeak(record.memory);
  return peak === undefined ? NOT_REACHED : `${formatCount(usedMib(peak))} MiB`;
}

function planRow(record: RunRecord): readonly string[] {
  return [
    record.name,
    `${record.startedAt.slice(0, 16).replace("T", " ")} UTC`,
    formatMachines(record),
    formatK3s(record),
    formatFirst(record, "ssh"),
    formatFirst(record, "api"),
    record.machines.length === 0 ? NOT_REACHED : formatDuration(record.verdict.atMs),
    formatPeak(record),
    formatOutcome(record),
  ].map((cell) => formatForeignCell(cell));
}

/** The machines on which the runs were made: times mean little without. */
function formatHosts(records: readonly RunRecord[]): string {
  const hosts = records.map(({ host }) => {
    const qemu = host.qemuVersion === "" ? "" : `, QEMU ${host.qemuVersion}`;
    return formatForeignLine(`${host.os}, ${host.cpus} CPUs, ${formatCount(host.memoryMib)} MiB${qemu}`);
  });
  return [...new Set(hosts)].map((host) => `\nHost: ${host}`).join("");
}

/**
 * Several runs side by side, one a row, in the order given: a Markdown table that reads as well in a terminal. Times are from power-on of a run's first
 * machine: SSH and API of the machine that had them first, "end" when the verdict's state was reached. Below it the hosts of these runs.
 */
export function renderRunTable(records: readonly RunRecord[]): string {
  const table = markdownTable([[...COLUMNS], ...records.map((record) => [...planRow(record)])]);
  return records.length === 0 ? table : `${table}\n${formatHosts(records)}`;
}
