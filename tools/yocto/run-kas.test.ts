import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { AbortedError } from "../core/errors.ts";
import { openExec } from "../core/run-process.ts";
import { systemClock } from "../core/clock.ts";
import { runKas } from "./run-kas.ts";

function silent(): void {}

test("after an abort nothing is left of what kas started, even in a process group of its own that heeds no signal", async () => {
  const abort = new AbortController();
  const exec = openExec({ cwd: "/", env: process.env, signal: abort.signal });
  const log = { info: silent, warn: silent, debug: silent, progress: silent };
  const ctx = { exec, clock: systemClock, log, signal: abort.signal, cwd: "/", env: process.env };
  let orphan = 0;
  const script = `setsid sh -c 'trap "" TERM INT; echo $$; while :; do sleep 60; done' & wait`;
  const running = runKas(ctx, ["sh", "-c", script], {
    env: {},
    onLine: (line) => {
      orphan = Number(line);
      abort.abort();
    },
  });
  await expect(running).rejects.toThrow(AbortedError);
  expect(orphan).toBeGreaterThan(1);
  // A process that has ended has no command line any more, even where nobody has asked for its status yet.
  await expect.poll(async () => readFile(`/proc/${orphan}/cmdline`, "utf8").catch(() => "")).toBe("");
});
