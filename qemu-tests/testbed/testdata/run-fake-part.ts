// A builder in a process of its own, for tests that kill it or run two: run-fake-part.ts CACHE-FOLDER COMMAND...
// Makes one part with the shell command in the part's folder and prints the outcome as JSON.
import { rm } from "node:fs/promises";
import { systemClock } from "../../../tools/core/clock.ts";
import { openLogger } from "../../../tools/core/logger.ts";
import { openExec } from "../../../tools/core/run-process.ts";
import { openPartCache } from "../open-part-cache.ts";
import type { Part } from "../part.ts";
import { planParts } from "../plan-parts.ts";
import { runParts } from "../run-parts.ts";

const [root = "", command = ""] = process.argv.slice(2);
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const base = { cwd: root, env: process.env, signal: stop.signal };
const log = openLogger({ stream: process.stderr, verbose: true, elapsedMs: () => performance.now() });
const part: Part = {
  name: "fake",
  title: "fake part",
  inputs: { command },
  needs: [],
  load: "cpu",
  build: async (ctx, job) => {
    await ctx.exec.runCheck(["sh", "-c", command], { cwd: job.dir });
  },
};
const cache = openPartCache(root, async (path) => rm(path, { recursive: true, force: true }));
const ctx = { ...base, exec: openExec(base), clock: systemClock, log };
try {
  const outcomes = await runParts(ctx, planParts([part]), { cache });
  process.stdout.write(JSON.stringify(outcomes.get("fake")));
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
}
