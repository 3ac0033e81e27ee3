import { expect, test } from "vitest";
import { isStopForgotten } from "./judge-interrupt.ts";
import type { BitBakeEvent } from "./parse-bitbake-event.ts";

const ASKED = 1_000_000;
const task = { recipe: "k3s", task: "do_fetch", pid: 7, log: "" };
const started = (afterMs: number): BitBakeEvent => ({ event: "started", ...task, at: (ASKED + afterMs) / 1000 });
const parse: BitBakeEvent = { event: "parse", done: 1, total: 2 };
const load: BitBakeEvent = { event: "load" };
const succeeded: BitBakeEvent = { event: "succeeded", ...task, at: (ASKED + 60_000) / 1000 };

test.each([
  ["a task that began before, and is only told now", started(-500), 60_000, false],
  ["a task that began at the same moment", started(500), 500, false],
  ["a task that began well after", started(3000), 3000, true],
  ["a parse that is just being halted", parse, 1000, false],
  ["a parse that goes on", parse, 6000, true],
  ["the recipes of an earlier parse that are loaded", load, 6000, true],
  ["a task that is finished first, as it should be", succeeded, 60_000, false],
])("%s", (_name, event, afterMs, forgotten) => {
  expect(isStopForgotten(event, { askedAtMs: ASKED, nowMs: ASKED + afterMs })).toBe(forgotten);
});
