import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { AbortedError } from "./errors.ts";
import { waitFor } from "./wait-for.ts";

/** A clock whose sleeps end at once and move its own time. */
function openTestClock(): Clock {
  let timeMs = 0;
  return {
    nowMs: () => timeMs,
    monotonicMs: () => timeMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      timeMs += ms;
    },
  };
}

const signal = new AbortController().signal;
const options = { condition: "the light to turn green", timeoutMs: 1000, intervalMs: 100 };

test("gives the value as soon as the condition holds", async () => {
  let looks = 0;
  const value = await waitFor({ clock: openTestClock(), signal }, options, async () => {
    looks += 1;
    return looks === 3 ? { done: true, value: "green" } : { done: false, seen: "red" };
  });
  expect([value, looks]).toEqual(["green", 3]);
});

test("a timeout tells the condition, the time, the attempts and what was seen last", async () => {
  const wait = waitFor({ clock: openTestClock(), signal }, options, async () => ({ done: false, seen: "still red" }));
  await expect(wait).rejects.toMatchObject({
    code: "TIMEOUT",
    exitCode: 5,
    attempts: 11,
    lastObservation: "still red",
    message: "gave up waiting for the light to turn green after 1 s: still red",
  });
});

test("a look that throws ends the wait at once", async () => {
  const wait = waitFor({ clock: openTestClock(), signal }, options, async () => {
    throw new Error("the lamp broke");
  });
  await expect(wait).rejects.toThrow("the lamp broke");
});

test("each distinct observation is told once in a row", async () => {
  const seen: string[] = [];
  const colours = ["red", "red", "amber", "amber"];
  await waitFor({ clock: openTestClock(), signal }, { ...options, onSeen: (text) => seen.push(text) }, async () => {
    const next = colours.shift();
    return next === undefined ? { done: true, value: true } : { done: false, seen: next };
  });
  expect(seen).toEqual(["red", "amber"]);
});

test("an abort ends the wait", async () => {
  const abort = new AbortController();
  const wait = waitFor({ clock: openTestClock(), signal: abort.signal }, options, async () => {
    abort.abort();
    return { done: false, seen: "red" };
  });
  await expect(wait).rejects.toThrow(AbortedError);
});
