/**
 * Runs real BitBake on the tiny project, as `build` does: run-tiny.ts BITBAKE_FOLDER PROJECT_FOLDER TARGET... Used by the tests and by
 * bench-interrupts.ts; prints the events as they come.
 */
import { join } from "node:path";
import { systemClock } from "../../core/clock.ts";
import type { Context } from "../../core/context.ts";
import { AbortedError } from "../../core/errors.ts";
import { openLogger } from "../../core/logger.ts";
import { openExec } from "../../core/run-process.ts";
import { runBitBake } from "../run-bitbake.ts";

const [bitbakeFolder = "", buildFolder = "", ...targets] = process.argv.slice(2);
const controller = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
const startMs = systemClock.monotonicMs();
const ctx: Context = {
  exec: openExec({ cwd: buildFolder, env: process.env, signal: controller.signal }),
  clock: systemClock,
  log: openLogger({ stream: process.stderr, verbose: true, elapsedMs: () => systemClock.monotonicMs() - startMs }),
  signal: controller.signal,
  cwd: buildFolder,
  env: process.env,
};
try {
  const exit = await runBitBake(ctx, {
    buildFolder,
    bitbakeFolder,
    environment: {
      PATH: `${join(bitbakeFolder, "bin")}:/usr/bin:/bin`,
      BBPATH: buildFolder,
      HOME: process.env["HOME"],
      LC_ALL: "en_US.UTF-8",
    },
    arguments: targets,
    logFolder: join(buildFolder, "logs", String(systemClock.nowMs())),
    onEvent: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
  });
  process.exitCode = exit.status ?? 1;
} catch (error) {
  if (!(error instanceof AbortedError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 130;
}
