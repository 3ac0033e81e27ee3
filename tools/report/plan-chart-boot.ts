import { barHeightPx, chartFontPx, drawDiamond, drawName, px, type Pen } from "./chart.ts";
import { formatDuration } from "./format-duration.ts";
import { formatEventKind } from "./format-event-kind.ts";
import { estimateTextWidth, fitText } from "./format-fitted-text.ts";
import { formatForeignLine } from "./format-foreign-text.ts";
import { planBootTracks, selectEventMachine } from "./plan-boot-phases.ts";
import { planMilestones } from "./plan-milestones.ts";
import { planX } from "./plan-time-axis.ts";
import type { RunRecord } from "./run-record.ts";

type Event = RunRecord["events"][number];

const levelPx = 18;
const trackPitchPx = 24;

// What is dropped last when there are more milestones than labels have room for comes first.
const importance: readonly Event["kind"][] = [
  "ready",
  "problem",
  "end",
  "api",
  "node-ready",
  "kernel",
  "ssh",
  "userspace",
  "power-on",
  "service",
];
const ofOneMachine: ReadonlySet<Event["kind"]> = new Set(["power-on", "kernel", "userspace", "ssh", "service"]);

interface Flag {
  readonly atMs: number;
  readonly text: string;
  readonly title: string;
  readonly style: "plain" | "good" | "bad";
  /** Drawn through the whole chart. */
  readonly rule: boolean;
}

function selectMilestones(record: RunRecord, limit: number): readonly Event[] {
  const several = record.machines.length > 1;
  // With several machines each has a track of its own, whose colours tell these steps.
  const eligible = record.events.filter((event) => importance.includes(event.kind) && !(several && ofOneMachine.has(event.kind)));
  const seen = new Set<string>();
  const distinct = eligible.filter((event) => {
    const key = `${event.kind} ${event.subject} ${Math.round(event.atMs / 100)}`;
    return !seen.has(key) && seen.add(key);
  });
  const kept = new Set(distinct.toSorted((a, b) => importance.indexOf(a.kind) - importance.indexOf(b.kind)).slice(0, limit));
  return distinct.filter((event) => kept.has(event)).sort((a, b) => a.atMs - b.atMs);
}

function formatFlagText(event: Event, { record, named }: { record: RunRecord; named: boolean }): string {
  const time = formatDuration(event.atMs);
  if (event.kind === "problem") {
    const what = formatForeignLine(event.detail === "" ? event.subject : event.detail);
    return `${time} · ${fitText(what, { widthPx: 250, fontSizePx: chartFontPx })}`;
  }
  if (event.kind === "power-on" && event.atMs === 0 && !named) return formatEventKind(event, record);
  const name = formatForeignLine(event.subject.replace(/^node /u, ""));
  const whose = named ? ` ${fitText(name, { widthPx: 110, fontSizePx: chartFontPx, cut: "middle" })}` : "";
  return `${formatEventKind(event, record)}${whose} ${time}`;
}

function planFlags(record: RunRecord, limit: number): readonly Flag[] {
  const good = record.verdict.outcome === "ready";
  const events = selectMilestones(record, limit);
  const flags = events.map((event): Flag => {
    const alike = events.filter((other) => other.kind === event.kind).length > 1;
    const style = event.kind === "ready" ? "good" : event.kind === "problem" || (event.kind === "end" && !good) ? "bad" : "plain";
    const title = [formatEventKind(event, record), event.subject, formatDuration(event.atMs), event.detail.slice(0, 300)];
    return {
      atMs: event.atMs,
      text: formatFlagText(event, { record, named: alike }),
      title: formatForeignLine(title.filter((part) => part !== "").join(" · ")),
      style,
      rule: event.kind === "ready" || event.kind === "problem",
    };
  });
  const { outcome, atMs } = record.verdict;
  const closing = outcome === "not-ready" ? "Given up" : outcome === "aborted" ? "Stopped" : undefined;
  if (closing === undefined) return flags;
  const flag: Flag = {
    atMs,
    text: `${closing} ${formatDuration(atMs)}`,
    title: "",
    style: outcome === "aborted" ? "plain" : "bad",
    rule: false,
  };
  return [...flags, flag].sort((a, b) => a.atMs - b.atMs);
}

/** The labels of what happened when, on poles above the tracks. */
export function drawMilestones(pen: Pen, record: RunRecord): void {
  const { drawing, axis, size } = pen;
  const flags = planFlags(record, size.maxMilestones);
  const placed = planMilestones(
    flags.map((flag) => ({ x: planX(axis, flag.atMs), text: flag.text })),
    { leftPx: axis.leftPx, rightPx: size.widthPx, fontSizePx: chartFontPx },
  );
  const levels = placed.reduce((most, flag) => Math.max(most, flag.level + 1), 0);
  const trackY = pen.y + levels * levelPx + 6;
  for (const [index, flag] of flags.entries()) {
    const place = placed[index];
    if (place === undefined) continue;
    const x = planX(axis, flag.atMs);
    const baseline = trackY - 10 - place.level * levelPx;
    drawing.poles.push({ x: px(x), y1: px(baseline - 9), y2: px(trackY), style: flag.style });
    if (place.text !== "")
      drawing.texts.push({
        x: px(x + (place.side === "right" ? 5 : -5)),
        y: px(baseline),
        anchor: place.side === "right" ? "start" : "end",
        style: `flag ${flag.style}`,
        text: place.text,
        title: flag.title,
      });
    // Its lower end is known only when the chart is complete.
    if (flag.rule) drawing.rules.push({ x: px(x), y1: px(trackY), y2: "", style: flag.style });
  }
  pen.y = trackY;
}

/** The phases of each machine's boot as one bar per machine, and its faults. */
export function drawTracks(pen: Pen, record: RunRecord, endMs: number): void {
  const { drawing, axis, stacked } = pen;
  const names = record.machines.map((machine) => machine.name);
  const tracks = planBootTracks(record, endMs);
  const several = tracks.length > 1;
  for (const track of tracks) {
    if (several) drawName(pen, track.machine);
    const y = pen.y + (several && stacked ? 16 : 0);
    const faults = record.events.filter((event) => {
      const fault = event.kind === "problem" || (event.kind === "end" && record.verdict.outcome !== "ready");
      return fault && selectEventMachine(event, names) === track.machine;
    });
    const faultsPx = faults.map((event) => planX(axis, event.atMs));
    for (const phase of track.phases) {
      const x = planX(axis, phase.fromMs);
      const width = Math.max(planX(axis, phase.toMs) - x, 0.5);
      const span = `${formatDuration(phase.fromMs)} to ${formatDuration(phase.toMs)}`;
      const title = formatForeignLine(`${track.machine} · ${phase.name} · ${span}`);
      const style = `phase${phase.step}`;
      drawing.bars.push({ x: px(x), y: px(y), width: px(width), height: px(barHeightPx), style, title, hatched: false });
      const needPx = estimateTextWidth(phase.name, 11) + 10;
      if (needPx > width || faultsPx.some((at) => at > x - 7 && at < x + needPx + 7)) continue;
      drawing.texts.push({ x: px(x + 5), y: px(y + 12), anchor: "start", style: `inbar ${style}`, text: phase.name, title: "" });
    }
    for (const event of faults) {
      drawDiamond(pen, { x: planX(axis, event.atMs), y: y + barHeightPx / 2 }, formatForeignLine(event.detail.slice(0, 300)));
    }
    pen.y = y + (several && !stacked ? trackPitchPx : barHeightPx + 6);
  }
}
