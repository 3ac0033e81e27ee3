import { barHeightPx, drawDiamond, drawHeading, drawName, px, type Pen } from "./chart.ts";
import { formatDuration } from "./format-duration.ts";
import { estimateTextWidth, fitText } from "./format-fitted-text.ts";
import { formatForeignLine } from "./format-foreign-text.ts";
import { planX } from "./plan-time-axis.ts";
import { planWaitRows, type WaitMark, type WaitRow, type WaitSpan } from "./plan-wait-rows.ts";
import type { RunRecord } from "./run-record.ts";

const rowPitchPx = 24;
const stackedRowPitchPx = 36;
const reasonFontPx = 11;
const dotRoomPx = 12;

function drawMarks(pen: Pen, marks: readonly WaitMark[], y: number): void {
  const drawn = new Set<string>();
  for (const mark of marks) {
    const x = planX(pen.axis, mark.atMs);
    // Marks of one kind closer than this look like one anyway.
    const key = `${mark.kind} ${Math.round(x / 2)}`;
    if (drawn.has(key)) continue;
    drawn.add(key);
    const title = formatForeignLine(`${mark.title.slice(0, 300)} · ${formatDuration(mark.atMs)}`);
    if (mark.kind === "problem") drawDiamond(pen, { x, y }, title);
    else pen.drawing.dots.push({ x: px(x), y: px(y), style: "ready", title });
  }
}

/** The subject as its row is called: the kind of a workload and the namespace of every system pod say nothing new. */
function formatRowName(subject: string): string {
  return subject.replace(/^(?:deployment|daemonset|statefulset|replicaset|pod) /u, "").replace("kube-system/", "");
}

interface DrawnSpan {
  readonly span: WaitSpan;
  readonly x: number;
  readonly width: number;
  readonly reason: string;
  readonly inside: boolean;
}

function planSpans(pen: Pen, row: WaitRow): readonly DrawnSpan[] {
  const marksPx = row.marks.map((mark) => planX(pen.axis, mark.atMs));
  return row.spans.map((span) => {
    const x = planX(pen.axis, span.fromMs);
    const width = Math.max(planX(pen.axis, span.toMs) - x - 1, 1);
    const reason = formatForeignLine(span.reason.slice(0, 300));
    const needPx = estimateTextWidth(reason, reasonFontPx) + 10;
    const clear = marksPx.every((mark) => mark < x - dotRoomPx || mark > x + needPx + dotRoomPx - 6);
    return { span, x, width, reason, inside: reason !== "" && needPx < width && clear };
  });
}

/** The longest wait's reason, beside the row, when its own bar had no room: in front of the row if there is room, else behind it. */
function drawReasonBeside(pen: Pen, row: WaitRow, spans: readonly DrawnSpan[], y: number): void {
  const longest = spans.reduce<DrawnSpan | undefined>(
    (best, candidate) => (best === undefined || candidate.width > best.width ? candidate : best),
    undefined,
  );
  if (longest === undefined || longest.inside || longest.reason === "") return;
  const edges = [
    ...spans.flatMap(({ x, width }) => [x, x + width]),
    ...row.marks.flatMap((mark) => [planX(pen.axis, mark.atMs) - 6, planX(pen.axis, mark.atMs) + 6]),
  ];
  const firstPx = Math.min(...edges) - 6;
  const lastPx = Math.max(...edges) + 6;
  const before = firstPx - pen.axis.leftPx;
  const after = pen.axis.rightPx - lastPx;
  // A reason behind the mark of readiness would read as what came after it.
  const inFront = row.marks.length > 0 || before > estimateTextWidth(longest.reason, reasonFontPx);
  const roomPx = inFront ? before : after;
  // Fewer letters than these say nothing.
  if (roomPx < 50) return;
  const text = fitText(longest.reason, { widthPx: roomPx, fontSizePx: reasonFontPx });
  if (text === "") return;
  pen.drawing.texts.push({
    x: px(inFront ? firstPx : lastPx),
    y: px(y + 12),
    anchor: inFront ? "end" : "start",
    style: longest.span.fault ? "beside bad" : "beside",
    text,
    title: "",
  });
}

function drawRow(pen: Pen, row: WaitRow, passed: boolean): void {
  const readyMs = row.marks.reduce((latest, mark) => (mark.kind === "ready" ? Math.max(latest, mark.atMs) : latest), -1);
  // What failed for a time in a run that passed has come up since.
  const end = readyMs >= 0 ? formatDuration(readyMs) : row.fault && !passed ? "failing" : "";
  drawName(pen, formatRowName(row.subject), { title: row.subject, end, endStyle: readyMs >= 0 ? "end" : "end bad" });
  const y = pen.y + (pen.stacked ? 16 : 0);
  const spans = planSpans(pen, row);
  for (const [index, { span, x, width, reason, inside }] of spans.entries()) {
    const style = span.fault ? "fault" : index % 2 === 0 ? "wait" : "wait alt";
    const why = `${span.reason.slice(0, 100)}${span.message === "" ? "" : `: ${span.message.slice(0, 200)}`}`;
    const title = formatForeignLine(
      `${row.subject.slice(0, 200)} · ${why} · ${formatDuration(span.fromMs)} to ${formatDuration(span.toMs)}`,
    );
    pen.drawing.bars.push({ x: px(x), y: px(y), width: px(width), height: px(barHeightPx), style, title, hatched: span.fault });
    if (inside)
      pen.drawing.texts.push({ x: px(x + 5), y: px(y + 12), anchor: "start", style: `inbar ${style}`, text: reason, title: "" });
  }
  drawReasonBeside(pen, row, spans, y);
  drawMarks(pen, row.marks, y + barHeightPx / 2);
  pen.y += pen.stacked ? stackedRowPitchPx : rowPitchPx;
}

/** One row for each thing that was waited for, on the chart's time axis. */
export function drawWaits(pen: Pen, record: RunRecord): void {
  const mergeMs = (pen.axis.endMs / (pen.axis.rightPx - pen.axis.leftPx)) * 1.5;
  const { rows, rest } = planWaitRows(record, { maxRows: pen.size.maxRows, mergeMs });
  if (rows.length === 0) return;
  const anyReady = rows.some((row) => row.marks.some((mark) => mark.kind === "ready"));
  drawHeading(pen, "Waiting for", anyReady ? "Ready at" : "");
  for (const row of rows) drawRow(pen, row, record.verdict.outcome === "ready");
  if (rest === undefined) return;
  drawName(pen, `${rest.count} more`, { end: rest.marks.length === 0 ? "" : formatDuration(rest.toMs) });
  const y = pen.y + (pen.stacked ? 16 : 0);
  const x = planX(pen.axis, rest.fromMs);
  const width = px(Math.max(planX(pen.axis, rest.toMs) - x, 1));
  const title = `${rest.count} more, in the tables below`;
  pen.drawing.bars.push({ x: px(x), y: px(y), width, height: px(barHeightPx), style: "wait", title, hatched: false });
  drawMarks(pen, rest.marks, y + barHeightPx / 2);
  pen.y += pen.stacked ? stackedRowPitchPx : rowPitchPx;
}
