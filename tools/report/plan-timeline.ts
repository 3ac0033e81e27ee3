import { px, type Chart, type ChartSize, type Pen } from "./chart.ts";
import { formatTick } from "./format-duration.ts";
import { drawMilestones, drawTracks } from "./plan-chart-boot.ts";
import { drawMemory } from "./plan-chart-memory.ts";
import { drawWaits } from "./plan-chart-waits.ts";
import { planTimeAxis, planX } from "./plan-time-axis.ts";
import type { RunRecord } from "./run-record.ts";

/** The last moment that the chart must show. */
function planEndMs(record: RunRecord): number {
  const { verdict } = record;
  const startMs = verdict.atMs + verdict.stableForMs;
  const lists = [
    record.events.map((event) => event.atMs),
    record.waits.map((wait) => wait.toMs),
    record.memory.map((sample) => sample.atMs),
  ];
  return lists.flat().reduce((latest, candidate) => Math.max(latest, candidate), startMs);
}

/**
 * The boot's timeline as a drawing: milestones and phases on top, one row for each thing that was waited for, memory below, all on one time
 * axis. The same record and size give the same chart.
 */
export function planTimeline(record: RunRecord, size: ChartSize): Chart {
  const endMs = planEndMs(record);
  const stacked = size.gutterPx === 0;
  const axis = planTimeAxis({
    endMs,
    leftPx: Math.max(size.gutterPx, 1),
    rightPx: size.widthPx - Math.max(size.endColumnPx, 8),
    minTickPx: stacked ? 58 : 76,
  });
  const drawing = { texts: [], poles: [], rules: [], bars: [], dots: [], diamonds: [], curves: [] };
  const pen: Pen = { size, axis, drawing, stacked, y: 4 };

  drawMilestones(pen, record);
  const gridTop = pen.y;
  const { outcome, atMs, stableForMs } = record.verdict;
  drawTracks(pen, record, outcome === "ready" ? atMs : endMs);
  const tickY = px(pen.y + 12);
  const ticks = axis.ticks.map((tick, index) => ({
    x: px(tick.x),
    y: tickY,
    anchor: index === 0 && stacked ? "start" : tick.x > size.widthPx - 20 ? "end" : "middle",
    text: formatTick(tick.atMs),
  }));
  pen.y += 30;
  drawWaits(pen, record);
  drawMemory(pen, record);
  const gridBottom = px(pen.y);

  const windowX = planX(axis, atMs);
  const windowPx = planX(axis, atMs + stableForMs) - windowX;
  return {
    size: size.name,
    width: String(size.widthPx),
    height: px(pen.y + 4),
    gridTop: px(gridTop),
    gridBottom,
    grid: axis.ticks.map((tick) => px(tick.x)),
    ticks,
    window:
      outcome === "ready" && windowPx > 1
        ? { x: px(windowX), width: px(windowPx), y: px(gridTop), height: px(pen.y - gridTop) }
        : undefined,
    ...drawing,
    rules: pen.drawing.rules.map(({ x, y1, style }) => ({ x, y1, y2: gridBottom, style })),
  };
}
