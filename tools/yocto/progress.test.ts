import { expect, test } from "vitest";
import { formatDuration, formatProgress, formatSize } from "./format-progress.ts";
import { parseBitBakeEvent } from "./parse-bitbake-event.ts";
import { NO_PROGRESS, planProgress } from "./plan-progress.ts";
import type { BuildProgress } from "./plan-progress.ts";
import { planBuildCurve, planTimeLeft } from "./plan-time-left.ts";

/** What follow-bitbake-events.py told of a real build with BitBake 2.18, shortened. */
const recorded = `{"event": "parse", "done": 2, "total": 3}
{"event": "parsed", "cached": 0, "parsed": 3, "errors": 0}
{"event": "phase", "name": "Initialising tasks"}
{"event": "sstate", "wanted": 10, "local": 4, "mirrors": 3, "missed": 3, "current": 2}
{"event": "counts", "done": 0, "failed": 0, "active": 0, "total": 5}
{"event": "started", "recipe": "quick", "task": "do_work", "pid": 5083, "log": "/t/log.do_work.5083", "at": 1000}
{"event": "succeeded", "recipe": "quick", "task": "do_work", "pid": 5083, "log": "/t/log.do_work.5083", "at": 1002}
{"event": "counts", "done": 1, "failed": 0, "active": 1, "total": 5}
{"event": "started", "recipe": "slow", "task": "do_compile", "pid": 5090, "log": "", "at": 1002}
{"event": "message", "level": "warning", "text": "look out", "pid": 0}`;

function follow(lines: string): BuildProgress {
  return lines.split("\n").reduce((progress, line) => {
    const event = parseBitBakeEvent(line);
    return event === undefined ? progress : planProgress(progress, event);
  }, NO_PROGRESS);
}

test("events add up to what a build has done and does", () => {
  const progress = follow(recorded);
  expect(progress).toMatchObject({ tasks: { done: 1, failed: 0, total: 5 }, warnings: 1, sstate: { wanted: 10, mirrors: 3 } });
  expect([...progress.running.values()]).toEqual([{ recipe: "slow", task: "do_compile", startedAt: 1002 }]);
  expect(formatProgress(progress, { nowSeconds: 1005, leftMs: undefined })).toBe("1 of 5 tasks: slow compile");
  expect(formatProgress(progress, { nowSeconds: 1092, leftMs: 3_840_000 })).toBe(
    "1 of 5 tasks, about 1 h 04 min left: slow compile 1 min 30 s",
  );
});

test("a task that fails is no longer running and is remembered with its log", () => {
  const progress = follow(`${recorded}
{"event": "failed", "recipe": "slow", "task": "do_compile", "pid": 5090, "log": "/t/log.do_compile.5090", "at": 1010}
{"event": "counts", "done": 1, "failed": 1, "active": 0, "total": 5}`);
  expect(progress.failures).toEqual([{ recipe: "slow", task: "do_compile", log: "/t/log.do_compile.5090" }]);
  expect(formatProgress(progress, { nowSeconds: 1010, leftMs: undefined })).toBe("1 of 5 tasks, 1 failed");
});

test.each([
  ['{"event": "parse", "done": 812, "total": 2935}', "parsing recipes: 812 of 2935"],
  ['{"event": "load"}', "loading parsed recipes"],
  ['{"event": "setscene", "done": 20, "total": 50}', "taking built parts from sstate: 20 of 50"],
  ['{"event": "phase", "name": "Initialising tasks"}', "initialising tasks"],
])("before tasks run: %s", (line, text) => {
  expect(formatProgress(follow(line), { nowSeconds: 0, leftMs: undefined })).toBe(text);
});

test.each(["", "NOTE: something", '{"event": "unheard-of"}', '{"event": "parse", "done": "x"}', "{broken"])(
  "what is no event is passed over: %s",
  (line) => {
    expect(parseBitBakeEvent(line)).toBeUndefined();
  },
);

const points = Array.from({ length: 101 }, (_unused, index) => ({ done: index * 10, elapsedMs: index * 1000 }));
const curve = planBuildCurve({ image: "core-image-k3s", tasks: 1000, points });

test("the time left comes from the last build of the same image, stretched by how this one goes", () => {
  const now = { image: "core-image-k3s", tasks: 1000, done: 500 };
  expect(planTimeLeft([curve], { ...now, elapsedMs: 50_000 })).toBeCloseTo(50_000, -3);
  expect(planTimeLeft([curve], { ...now, elapsedMs: 100_000 })).toBeCloseTo(100_000, -3);
});

test("no estimate without a build alike, or at the very beginning; a wild stretch is not believed", () => {
  const now = { image: "core-image-k3s", tasks: 1000, done: 500, elapsedMs: 50_000 };
  expect(planTimeLeft([], now)).toBeUndefined();
  expect(planTimeLeft([curve], { ...now, image: "other" })).toBeUndefined();
  expect(planTimeLeft([curve], { ...now, tasks: 2000 })).toBeUndefined();
  expect(planTimeLeft([curve], { ...now, done: 1 })).toBeUndefined();
  expect(planTimeLeft([curve], { ...now, elapsedMs: 5_000_000 })).toBeCloseTo(50_000, -3);
});

test("durations and sizes for people", () => {
  expect([12_400, 200_000, 3_840_000].map((ms) => formatDuration(ms))).toEqual(["12 s", "3 min 20 s", "1 h 04 min"]);
  expect([900, 12 * 1024 ** 2, 1.5 * 1024 ** 3].map((bytes) => formatSize(bytes))).toEqual(["900 bytes", "12 MiB", "1.5 GiB"]);
});
