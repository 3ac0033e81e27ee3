import { chartFontPx, drawHeading, drawName, px, type Pen } from "./chart.ts";
import { formatCount, formatDuration } from "./format-duration.ts";
import { estimateTextWidth } from "./format-fitted-text.ts";
import { formatForeignLine } from "./format-foreign-text.ts";
import { planMemoryLanes, type MemoryLane } from "./plan-memory-lane.ts";
import type { RunRecord } from "./run-record.ts";

const laneHeightPx = 84;
// More machines than this are in the facts below; their curves would only repeat.
const maxLanes = 4;

function drawPeak(pen: Pen, lane: MemoryLane, topPx: number): void {
  const { axis, drawing, stacked } = pen;
  const text = `peak ${formatCount(lane.peak.usedMib)} MiB`;
  drawing.dots.push({
    x: px(lane.peak.x),
    y: px(topPx + lane.peak.y),
    style: "peak",
    title: `${text} at ${formatDuration(lane.peak.atMs)}`,
  });
  if (stacked) return;
  const half = estimateTextWidth(text, chartFontPx) / 2;
  const [x, anchor] =
    lane.peak.x + half > axis.rightPx
      ? ([axis.rightPx, "end"] as const)
      : lane.peak.x - half < axis.leftPx
        ? ([axis.leftPx, "start"] as const)
        : ([lane.peak.x, "middle"] as const);
  // Above the curve, unless that is where the line of the total runs.
  const y = topPx + lane.peak.y + (lane.peak.y > 24 ? -9 : 20);
  drawing.texts.push({ x: px(x), y: px(y), anchor, style: "peak", text, title: "" });
}

function drawLane(pen: Pen, lane: MemoryLane, name: string): void {
  const { axis, drawing, size, stacked } = pen;
  const total = `${formatCount(lane.totalMib)} MiB`;
  const peak = `peak ${formatCount(lane.peak.usedMib)} of ${total}`;
  if (stacked) {
    drawName(pen, name, { end: peak });
    pen.y += 22;
  } else {
    drawName(pen, name);
    const right = { x: px(size.widthPx), anchor: "end", style: "end", title: "" } as const;
    drawing.texts.push({ ...right, y: px(pen.y + 4), text: total }, { ...right, y: px(pen.y + laneHeightPx + 1), text: "0" });
  }
  const top = pen.y;
  const bottom = top + laneHeightPx;
  const line = lane.points.map((point, index) => `${index === 0 ? "M" : "L"}${px(point.x)} ${px(top + point.y)}`).join("");
  const first = lane.points[0];
  const last = lane.points.at(-1);
  drawing.curves.push({
    area: first === undefined || last === undefined ? "" : `${line}L${px(last.x)} ${px(bottom)}L${px(first.x)} ${px(bottom)}Z`,
    line,
    totalY: px(top),
    bottomY: px(bottom),
    x1: px(axis.leftPx),
    x2: px(axis.rightPx),
    title: formatForeignLine(`${lane.machine}: ${peak}, at ${formatDuration(lane.peak.atMs)}`),
  });
  drawPeak(pen, lane, top);
  pen.y = bottom + 16;
}

/** Used memory over time, one lane per machine, on the chart's time axis. */
export function drawMemory(pen: Pen, record: RunRecord): void {
  const lanes = planMemoryLanes(record.memory, { axis: pen.axis, heightPx: laneHeightPx });
  if (lanes.length === 0) return;
  pen.y += 8;
  if (lanes.length > 1) drawHeading(pen, "Memory used");
  for (const lane of lanes.slice(0, maxLanes)) drawLane(pen, lane, lanes.length > 1 ? lane.machine : "Memory used");
}
