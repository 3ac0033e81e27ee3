import { expect, test } from "vitest";
import type { RunRecord } from "./run-record.ts";
import { selectLastRuns } from "./select-last-runs.ts";
import { readyRecord } from "./testing/example-runs.ts";

const run = (name: string, durationMs: number): RunRecord => ({ ...readyRecord, name, durationMs });

test("of each name the last run stays, where it stood", () => {
  const runs = [run("a", 0), run("b", 1), run("a", 2), run("c", 3), run("b", 4)];
  expect(selectLastRuns(runs).map(({ name, durationMs }) => [name, durationMs])).toEqual([
    ["a", 2],
    ["c", 3],
    ["b", 4],
  ]);
});
