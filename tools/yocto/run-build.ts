import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { CommandError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import type { BuildResult } from "./build-result.ts";
import { fetchModuleSources } from "./fetch-module-sources.ts";
import { findArtefacts } from "./find-artefacts.ts";
import { formatBuild } from "./format-build.ts";
import { judgeFailure } from "./judge-failure.ts";
import { openBuildProgress } from "./open-build-progress.ts";
import type { BuildProgress } from "./plan-progress.ts";
import type { BuildCurve } from "./plan-time-left.ts";
import { buildHistorySchema, planBuildCurve } from "./plan-time-left.ts";
import { readBuildEnvironment } from "./read-build-environment.ts";
import { readPins } from "./read-pins.ts";
import { planBitBakeLogs, runBitBake } from "./run-bitbake.ts";
import type { SetupOptions } from "./run-setup.ts";
import { runSetup } from "./run-setup.ts";

/** Builds of which the course is kept. */
const HISTORY_LENGTH = 10;

export interface BuildOptions extends SetupOptions {
  /** Plan every task and run none (`bitbake -n`), walking through the fetches alone: each step of a walk parses its recipe again. */
  readonly dryRun: boolean;
  /** Whether progress is shown on a terminal. */
  readonly tty: boolean;
}

async function readHistory(path: string): Promise<readonly BuildCurve[]> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? [] : (buildHistorySchema.safeParse(JSON.parse(text)).data?.builds ?? []);
}

async function prefetch(ctx: Context, options: BuildOptions): Promise<void> {
  if (options.choice.provider !== "k3s" || options.offline || options.dryRun) return;
  const { layerFolder, folders } = options;
  const got = await fetchModuleSources(ctx, { layerFolder, downloadFolder: folders.downloadFolder });
  ctx.log.info(
    `Go modules: ${got.there} were there, ${got.fetched} fetched${got.left === 0 ? "" : `, ${got.left} left to BitBake (${got.reason ?? "no proxy for them"})`}`,
  );
}

async function explainAll(progress: BuildProgress): Promise<BuildResult["failures"]> {
  const begun = await Promise.all(
    progress.failures.map(async (failure) => {
      const log = await readFile(failure.log, "utf8").catch(() => "");
      return { ...failure, cause: judgeFailure(log).known?.cause ?? null };
    }),
  );
  if (begun.length > 0) return begun;
  // Nothing had begun: what BitBake said itself is the reason.
  const text = progress.errors.join("\n");
  return text === "" ? [] : [{ recipe: "BitBake", task: "itself", log: "", cause: judgeFailure(text).known?.cause ?? null }];
}

function throwFailure(result: BuildResult, progress: BuildProgress, argv: readonly string[]): never {
  const [first] = result.failures;
  const what =
    first === undefined
      ? "BitBake failed"
      : `${first.recipe} ${first.task} failed${first.cause === null ? "" : `: ${first.cause}`}`;
  const known = judgeFailure(progress.errors.join("\n")).known;
  throw new CommandError(`building ${result.choice.image} for ${result.choice.machine} failed: ${what}`, {
    argv,
    outputTail: progress.failures.length > 0 ? "" : progress.errors.slice(0, 5).join("\n"),
    hint: `${known === undefined ? "" : `${known.cure}; `}everything BitBake said: ${result.logs.output}`,
  });
}

/**
 * Builds one machine's image: brings its set-up up to date, fetches what can be fetched in parallel, runs BitBake and shows how it goes. Writes
 * result.json whatever came of it, unless it was stopped. Throws CommandError when the build fails, and what runSetup throws.
 */
export async function runBuild(ctx: Context, options: BuildOptions): Promise<BuildResult> {
  const { choice, folders, layerFolder } = options;
  const startedMs = ctx.clock.nowMs();
  await runSetup(ctx, options);
  await prefetch(ctx, options);
  const environment = await readBuildEnvironment(ctx, folders, layerFolder);
  const pin = (await readPins(layerFolder)).find((entry) => entry.name === "bitbake");
  const logFolder = join(folders.logFolder, new Date(startedMs).toISOString().replaceAll(":", ""));
  const logs = planBitBakeLogs(logFolder);
  const history = await readHistory(folders.historyFile);
  const view = openBuildProgress(ctx, { image: choice.image, history, tty: options.tty });
  ctx.log.info(`building ${choice.image} for ${choice.machine}; all of BitBake's output: ${logs.outputPath}`);
  const argv = [...(options.dryRun ? ["--dry-run", "--runonly=fetch"] : []), choice.image];
  const exit = await runBitBake(ctx, {
    buildFolder: folders.buildFolder,
    bitbakeFolder: join(folders.workFolder, pin?.path ?? "sources/bitbake"),
    environment,
    arguments: argv,
    logFolder,
    onEvent: (event) => view.take(event),
  });
  await view.settle();
  const { progress, points } = view;
  const succeeded = exit.status === 0;
  const result: BuildResult = {
    schemaVersion: 1,
    choice,
    outcome: succeeded ? (options.dryRun ? "planned" : "built") : "failed",
    startedAt: new Date(startedMs).toISOString(),
    durationMs: ctx.clock.nowMs() - startedMs,
    tasks: progress.tasks ?? null,
    sstate: progress.sstate ?? null,
    warnings: progress.warnings,
    failures: succeeded ? [] : await explainAll(progress),
    artefacts:
      succeeded && !options.dryRun
        ? await findArtefacts({ buildFolder: folders.buildFolder, machine: choice.machine, image: choice.image })
        : null,
    logs: { folder: logFolder, output: logs.outputPath, events: logs.eventPath },
  };
  await writeFileAtomic(folders.resultFile, `${JSON.stringify(result, null, 2)}\n`);
  if (!succeeded) {
    ctx.log.info(formatBuild(result));
    throwFailure(result, progress, ["bitbake", ...argv]);
  }
  if (result.outcome === "built" && result.tasks !== null) {
    const curve = planBuildCurve({ image: choice.image, tasks: result.tasks.total, points });
    const builds = [...history, curve].slice(-HISTORY_LENGTH);
    await writeFileAtomic(folders.historyFile, `${JSON.stringify({ schemaVersion: 1, builds })}\n`);
  }
  return result;
}
