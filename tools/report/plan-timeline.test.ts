import { describe, expect, test } from "vitest";
import { chartSizes } from "./chart.ts";
import { largeRecord } from "./testing/example-odd-runs.ts";
import { exampleRecords } from "./testing/example-records.ts";
import { oomRecord, readyRecord, timeoutRecord } from "./testing/example-runs.ts";
import { formatDuration, formatTick } from "./format-duration.ts";
import { estimateTextWidth, fitText } from "./format-fitted-text.ts";
import { formatForeignLine } from "./format-foreign-text.ts";
import { planBootTracks } from "./plan-boot-phases.ts";
import { planMemoryLanes } from "./plan-memory-lane.ts";
import { planMilestones } from "./plan-milestones.ts";
import { planTimeAxis } from "./plan-time-axis.ts";
import { planTimeline } from "./plan-timeline.ts";
import { judgeFaultReason, planWaitRows } from "./plan-wait-rows.ts";

const axis = planTimeAxis({ endMs: 100_000, leftPx: 0, rightPx: 1000, minTickPx: 80 });

/** Left, right, level and pole of each label. */
function planBoxes(xs: readonly number[], widthPx: number): readonly (readonly [number, number, number, number])[] {
  const milestones = xs.map((x) => ({ x, text: "Userspace 12.3 s" }));
  const placed = planMilestones(milestones, { leftPx: 0, rightPx: widthPx, fontSizePx: 12 });
  return placed.map((flag, index) => {
    const x = xs[index] ?? 0;
    const width = estimateTextWidth(flag.text, 12);
    return flag.side === "right" ? [x, x + width, flag.level, x] : [x - width, x, flag.level, x];
  });
}

describe("planMilestones", () => {
  test.each([
    ["spread out", [0, 300, 600, 900], 1080],
    ["crowded at the left", [0, 3, 9, 14, 20, 30], 1080],
    ["crowded at the right", [980, 1000, 1020, 1050, 1080], 1080],
    ["all at once", [500, 500, 500, 500], 1080],
    ["narrow", [0, 20, 60, 150, 200, 290, 340], 350],
  ])("%s: no label meets another label or another's pole, none leaves the chart", (_, xs, widthPx) => {
    const all = planBoxes(xs, widthPx);
    for (const [index, [left, right, level, x]] of all.entries()) {
      expect(left).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(widthPx);
      for (const [otherIndex, [otherLeft, otherRight, otherLevel, otherX]] of all.entries()) {
        if (index === otherIndex) continue;
        expect(level === otherLevel && left < otherRight && otherLeft < right).toBe(false);
        // A pole reaches from its label down to the track; where two stand on one spot they are one.
        expect(otherLevel > level && otherX !== x && otherX > left && otherX < right).toBe(false);
      }
    }
  });
});

describe("planWaitRows", () => {
  test("a pod's event ends the row of the workload that it belongs to", () => {
    const { rows } = planWaitRows(readyRecord, { maxRows: 20, mergeMs: 0 });
    const coredns = rows.find((row) => row.subject === "deployment kube-system/coredns");
    expect(coredns?.marks).toEqual([{ atMs: 71_300, kind: "ready", title: "pod kube-system/coredns-6f8d9c7b5d-x2v4k" }]);
    expect(coredns?.spans.map((span) => span.reason)).toEqual(["Unschedulable", "ContainerCreating", "ContainersNotReady"]);
    expect(rows.some((row) => row.subject.startsWith("pod "))).toBe(false);
  });

  test("with too many subjects, faults keep their row and the others share one", () => {
    const fault = { fromMs: 70_000, toMs: 70_100, subject: "pod default/sick", reason: "CrashLoopBackOff", message: "" };
    const { rows, rest } = planWaitRows({ ...largeRecord, waits: [...largeRecord.waits, fault] }, { maxRows: 12, mergeMs: 0 });
    expect(rows).toHaveLength(11);
    expect(rows.map((row) => row.subject)).toContain("pod default/sick");
    expect((rest?.count ?? 0) + rows.length).toBe(205);
  });

  test.each([
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "OOMKilled",
    "CreateContainerConfigError",
    "Evicted",
    "Error",
    "Failed",
  ])("%s is a fault", (reason) => {
    expect(judgeFaultReason(reason)).toBe(true);
  });

  test.each([
    "ContainerCreating",
    "PodInitializing",
    "Unschedulable",
    "FailedScheduling",
    "KubeletNotReady",
    "ConnectionRefused",
    "NotFound",
    "Pending",
  ])("%s is what every boot passes through", (reason) => {
    expect(judgeFaultReason(reason)).toBe(false);
  });
});

describe("planBootTracks", () => {
  test("phases follow each other to the verdict", () => {
    const [track] = planBootTracks(readyRecord, 94_700);
    expect(track?.phases.map((phase) => phase.name)).toEqual([
      "Firmware",
      "Kernel",
      "Userspace",
      "Services",
      "k3s",
      "API up",
      "Node Ready",
    ]);
    expect(track?.phases.at(-1)?.toMs).toBe(94_700);
  });

  test("an event that comes late does not turn the boot back", () => {
    const events = [
      ...readyRecord.events.filter((event) => event.kind !== "ssh"),
      { atMs: 60_000, kind: "ssh" as const, subject: "qemux86-64", detail: "" },
    ];
    const [track] = planBootTracks({ ...readyRecord, events }, 94_700);
    const steps = track?.phases.map((phase) => phase.step) ?? [];
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  });

  test("a machine that boots again has the phases of each boot, with nothing between Ready and the next power-on", () => {
    const again = readyRecord.events.map((event) => ({ ...event, atMs: event.atMs + 150_000 }));
    const [track] = planBootTracks({ ...readyRecord, events: [...readyRecord.events, ...again] }, 300_000);
    const [first] = planBootTracks(readyRecord, 94_700);
    const second = first?.phases.map((phase) => ({ ...phase, fromMs: phase.fromMs + 150_000, toMs: phase.toMs + 150_000 }));
    expect(track?.phases).toEqual([...(first?.phases ?? []), ...(second ?? [])]);
  });

  test("a boot that never was Ready lasts until the next power-on", () => {
    const powerOn = { atMs: 120_000, kind: "power-on" as const, subject: "qemux86-64", detail: "" };
    const events = [...readyRecord.events.filter((event) => event.kind !== "ready"), powerOn];
    const [track] = planBootTracks({ ...readyRecord, events }, 300_000);
    expect(track?.phases.slice(-2)).toMatchObject([{ toMs: 120_000 }, { name: "Firmware", fromMs: 120_000, toMs: 300_000 }]);
  });
});

test.each([
  ["in a run that failed", true, timeoutRecord.verdict],
  ["in a run that passed", false, readyRecord.verdict],
])("what failed for a time and is never called Ready counts as failing %s: %s", (_, marked, verdict) => {
  const waits = [{ fromMs: 70_000, toMs: 80_000, subject: "deployment kube-system/x", reason: "CrashLoopBackOff", message: "" }];
  const { texts } = planTimeline({ ...readyRecord, verdict, waits }, chartSizes[0]!);
  expect(texts.some(({ text }) => text === "failing")).toBe(marked);
});

describe("planMemoryLanes", () => {
  test("thins thousands of samples and keeps the peak", () => {
    const [lane] = planMemoryLanes(largeRecord.memory, { axis, heightPx: 80 });
    expect(largeRecord.memory.length).toBeGreaterThan(15_000);
    expect(lane?.points.length).toBeLessThan(1100);
    const peak = largeRecord.memory.reduce((most, sample) => Math.max(most, sample.totalMib - sample.availableMib), 0);
    expect(lane?.peak.usedMib).toBe(peak);
    expect(Math.min(...(lane?.points.map((point) => point.y) ?? []))).toBe(lane?.peak.y);
  });

  test("one lane per machine, within its own total", () => {
    const [lane] = planMemoryLanes(oomRecord.memory, { axis, heightPx: 80 });
    expect(lane?.totalMib).toBe(467);
    expect(lane?.points.every((point) => point.y >= 0 && point.y <= 80)).toBe(true);
  });
});

describe("planTimeline", () => {
  test.each(Object.entries(exampleRecords))("%s: every number is finite and inside the drawing", (_, record) => {
    for (const size of chartSizes) {
      const chart = planTimeline(record, size);
      const numbers = [
        ...chart.bars.flatMap((bar) => [bar.x, bar.width]),
        ...chart.texts.map((text) => text.x),
        ...chart.dots.map((dot) => dot.x),
        ...chart.grid,
      ].map(Number);
      expect(numbers.every((value) => Number.isFinite(value) && value >= 0 && value <= size.widthPx)).toBe(true);
      expect(chart.texts.every((text) => text.text !== "" && text.text.length < 120)).toBe(true);
    }
  });
});

describe("words and numbers", () => {
  test.each([
    [0, "0.0 s"],
    [66_440, "66.4 s"],
    [99_960, "1 min 40 s"],
    [300_000, "5 min"],
    [3_780_000, "1 h 3 min"],
  ])("%i ms is %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test.each([
    [0, "0"],
    [500, "500 ms"],
    [20_000, "20 s"],
    [60_000, "1 min"],
    [90_000, "1:30"],
    [7_200_000, "2 h"],
  ])("a tick at %i ms is %s", (ms, text) => {
    expect(formatTick(ms)).toBe(text);
  });

  test.each([0, 90, 1000, 12_345, 66_000, 600_000, 86_400_000 * 40])("ticks up to %i ms are never closer than asked", (endMs) => {
    const { ticks } = planTimeAxis({ endMs, leftPx: 0, rightPx: 300, minTickPx: 58 });
    const gaps = ticks.slice(1).map((tick, index) => tick.x - (ticks[index]?.x ?? 0));
    expect(Math.min(58, ...gaps)).toBe(58);
  });

  test("a cut text fits and never splits what is one sign", () => {
    const family = "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}";
    const fitted = fitText(family.repeat(20), { widthPx: 200, fontSizePx: 12, cut: "middle" });
    expect(estimateTextWidth(fitted, 12)).toBeLessThanOrEqual(200);
    expect(fitted.replaceAll(family, "")).toBe("…");
  });

  test("what a guest writes loses its terminal escapes and bidirectional controls, and keeps its letters", () => {
    expect(formatForeignLine("\u001B[31mred\u001B[0m \u202Egnp\u202C \u0000\uD800 שלום\n\tx")).toBe("red gnp \uFFFD שלום x");
  });
});
