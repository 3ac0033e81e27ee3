import { estimateTextWidth, fitText } from "./format-fitted-text.ts";

/** A point of the chart that wants a label. */
export interface Milestone {
  readonly x: number;
  readonly text: string;
}

/** Where the label goes: a flag on a pole at `x`, to the right or left of it, `level` steps above the track (0 is the lowest). */
export interface PlacedMilestone {
  readonly text: string;
  readonly side: "right" | "left";
  readonly level: number;
}

interface Flag {
  readonly x: number;
  text: string;
  widthPx: number;
  side: "right" | "left";
  level: number;
}

const gapPx = 10;

function extent(flag: Flag): readonly [number, number] {
  return flag.side === "right" ? [flag.x, flag.x + flag.widthPx] : [flag.x - flag.widthPx, flag.x];
}

function levelAbove(flag: Flag, others: readonly Flag[]): number {
  const [from, to] = extent(flag);
  const below = others.filter((other) => {
    const [otherFrom, otherTo] = extent(other);
    return otherFrom <= to && otherTo >= from;
  });
  return Math.max(-1, ...below.map((other) => other.level)) + 1;
}

/**
 * Places the labels of milestones, given from left to right, so that no label touches another label or another one's pole. Labels point to the right and step
 * down in time; those that would leave the chart on the right point to the left and step up again. A text that fits on neither
 * side is cut, to nothing if need be.
 */
export function planMilestones(
  milestones: readonly Milestone[],
  options: { leftPx: number; rightPx: number; fontSizePx: number },
): readonly PlacedMilestone[] {
  const { leftPx, rightPx, fontSizePx } = options;
  const flags = milestones.map(({ x, text }): Flag => {
    return { x, text, widthPx: estimateTextWidth(text, fontSizePx) + gapPx, side: "right", level: 0 };
  });

  // A flag turns left when it does not fit, or when it would cover the pole of one that turned; turned ones only grow from the right. Where neither side has
  // room for all of the text, the wider one gets as much as fits.
  let limitPx = rightPx;
  for (const flag of flags.toReversed()) {
    const roomRightPx = limitPx - flag.x;
    const roomLeftPx = flag.x - leftPx + gapPx;
    if (flag.widthPx <= roomRightPx) continue;
    if (flag.widthPx > roomLeftPx) {
      flag.text = fitText(flag.text, { widthPx: Math.max(roomLeftPx, roomRightPx) - gapPx, fontSizePx });
      flag.widthPx = estimateTextWidth(flag.text, fontSizePx) + gapPx;
    }
    if (flag.widthPx > roomRightPx) {
      flag.side = "left";
      limitPx = Math.min(limitPx, flag.x);
    }
  }

  const placed: Flag[] = [];
  for (const flag of flags.filter((candidate) => candidate.side === "right").toReversed()) {
    flag.level = levelAbove(flag, placed);
    placed.push(flag);
  }
  for (const flag of flags.filter((candidate) => candidate.side === "left")) {
    flag.level = levelAbove(flag, placed);
    placed.push(flag);
  }
  return flags.map(({ text, side, level }) => ({ text, side, level }));
}
