import { estimateTextWidth, fitText } from "./format-fitted-text.ts";
import { formatForeignLine } from "./format-foreign-text.ts";
import type { TimeAxis } from "./plan-time-axis.ts";

/** How wide the chart is drawn, and what stands beside its rows. With no gutter, names stand above their row instead of beside it. */
export interface ChartSize {
  readonly name: "wide" | "medium" | "narrow";
  readonly widthPx: number;
  readonly gutterPx: number;
  readonly endColumnPx: number;
  readonly maxRows: number;
  readonly maxMilestones: number;
}

export const chartSizes: readonly ChartSize[] = [
  { name: "wide", widthPx: 1080, gutterPx: 226, endColumnPx: 78, maxRows: 22, maxMilestones: 16 },
  { name: "medium", widthPx: 660, gutterPx: 168, endColumnPx: 72, maxRows: 18, maxMilestones: 12 },
  { name: "narrow", widthPx: 350, gutterPx: 0, endColumnPx: 0, maxRows: 14, maxMilestones: 10 },
];

interface ChartText {
  readonly x: string;
  readonly y: string;
  readonly anchor: "start" | "middle" | "end";
  readonly style: string;
  readonly text: string;
  /** What a pointer that rests on it is told. */
  readonly title: string;
}

interface ChartBar {
  readonly x: string;
  readonly y: string;
  readonly width: string;
  readonly height: string;
  readonly style: string;
  readonly title: string;
  readonly hatched: boolean;
}

interface ChartLine {
  readonly x: string;
  readonly y1: string;
  readonly y2: string;
  readonly style: string;
}

interface ChartCurve {
  readonly area: string;
  readonly line: string;
  readonly totalY: string;
  readonly bottomY: string;
  readonly x1: string;
  readonly x2: string;
  readonly title: string;
}

/** What has been drawn so far, layer by layer. All numbers are finished strings in the SVG's own pixels. */
export interface Drawing {
  readonly texts: ChartText[];
  readonly poles: ChartLine[];
  readonly rules: ChartLine[];
  readonly bars: ChartBar[];
  readonly dots: { readonly x: string; readonly y: string; readonly style: string; readonly title: string }[];
  readonly diamonds: { readonly points: string; readonly title: string }[];
  readonly curves: ChartCurve[];
}

/** Everything the SVG template draws. */
export interface Chart extends Drawing {
  readonly size: string;
  readonly width: string;
  readonly height: string;
  readonly gridTop: string;
  readonly gridBottom: string;
  readonly grid: readonly string[];
  readonly ticks: readonly { readonly x: string; readonly y: string; readonly anchor: string; readonly text: string }[];
  /** The stability window. */
  readonly window: { readonly x: string; readonly width: string; readonly y: string; readonly height: string } | undefined;
}

/** The drawing in the making: `y` is where the next row begins. */
export interface Pen {
  readonly size: ChartSize;
  readonly axis: TimeAxis;
  readonly drawing: Drawing;
  readonly stacked: boolean;
  y: number;
}

export const chartFontPx = 12;
export const barHeightPx = 16;

/** A length for an SVG attribute. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A heading over rows, with the name of the column at the right end. */
export function drawHeading(pen: Pen, text: string, endText = ""): void {
  const y = px(pen.y + 12);
  pen.drawing.texts.push({ x: "0", y, anchor: "start", style: "heading", text, title: "" });
  if (endText !== "") {
    pen.drawing.texts.push({ x: px(pen.size.widthPx), y, anchor: "end", style: "end", text: endText, title: "" });
  }
  pen.y += 24;
}

/** The name of a row, beside or above it, and what its end column says. `title` is the name in full. */
export function drawName(pen: Pen, name: string, options: { title?: string; end?: string; endStyle?: string } = {}): void {
  const { drawing, size, stacked } = pen;
  const { end = "", endStyle = "end" } = options;
  const title = formatForeignLine(options.title ?? name)
    .slice(0, 300)
    .toWellFormed();
  const widthPx = stacked ? size.widthPx - estimateTextWidth(end, chartFontPx) - 12 : size.gutterPx - 14;
  const text = fitText(formatForeignLine(name), { widthPx, fontSizePx: chartFontPx, cut: "middle" });
  const y = px(pen.y + 12);
  drawing.texts.push({ x: "0", y, anchor: "start", style: "name", text, title: text === title ? "" : title });
  if (end !== "") drawing.texts.push({ x: px(size.widthPx), y, anchor: "end", style: endStyle, text: end, title: "" });
}

/** A fault's mark: told from a dot by its shape, not only by its colour. */
export function drawDiamond(pen: Pen, at: { x: number; y: number }, title: string): void {
  const r = 6.5;
  const points = `${px(at.x)},${px(at.y - r)} ${px(at.x + r)},${px(at.y)} ${px(at.x)},${px(at.y + r)} ${px(at.x - r)},${px(at.y)}`;
  pen.drawing.diamonds.push({ points, title });
}
