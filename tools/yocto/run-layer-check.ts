import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context, Env } from "../core/context.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import { judgeBitBakeRun, selectFailedTests } from "./judge-layer-check.ts";
import { judgeValues } from "./judge-values.ts";
import type { LayerCheckResult } from "./layer-check-result.ts";
import { planCompatibility } from "./plan-layer-check.ts";
import type { LayerCheckStep } from "./plan-layer-check.ts";
import { NO_PROGRESS, planProgress } from "./plan-progress.ts";
import { formatProgress } from "./format-progress.ts";
import { readBuildEnvironment, replaceEnvironment } from "./read-build-environment.ts";
import { planBitBakeLogs, runBitBake } from "./run-bitbake.ts";
import type { SetupOptions } from "./run-setup.ts";
import { runSetup } from "./run-setup.ts";
import { writeLayerCopy } from "./write-layer-copy.ts";

/** Where a check runs, and in which environment. */
interface CheckPlace {
  readonly setup: SetupOptions;
  readonly environment: Env;
  readonly logFolder: string;
}

function logName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/gu, "-");
}

/** BitBake parses anew after any change of a file of configuration, so one that says the same stays as it is, under its own name. */
async function writeConfiguration(buildFolder: string, configuration: readonly string[]): Promise<string> {
  const text = `${configuration.join("\n")}\n`;
  const name = createHash("sha256").update(text).digest("hex").slice(0, 12);
  const path = join(buildFolder, `conf/check-${name}.conf`);
  const there = await readFile(path, "utf8").catch(() => undefined);
  if (there !== text) await writeFileAtomic(path, text);
  return path;
}

async function runBitBakeStep(
  ctx: Context,
  place: CheckPlace,
  step: LayerCheckStep,
): Promise<Omit<LayerCheckResult, "durationMs">> {
  const { folders, layerFolder } = place.setup;
  const logFolder = join(place.logFolder, logName(step.name));
  let progress = NO_PROGRESS;
  const configuration = await writeConfiguration(folders.buildFolder, step.configuration);
  const exit = await runBitBake(ctx, {
    buildFolder: folders.buildFolder,
    bitbakeFolder: join(folders.workFolder, "sources/bitbake"),
    environment: { ...place.environment, MACHINE: step.machine },
    arguments: ["-R", configuration, ...step.arguments],
    logFolder,
    onEvent: (event) => {
      progress = planProgress(progress, event);
      ctx.log.progress(`${step.name}: ${formatProgress(progress, { nowSeconds: ctx.clock.nowMs() / 1000, leftMs: undefined })}`);
    },
  });
  const { outputPath } = planBitBakeLogs(logFolder);
  const output = await readFile(outputPath, "utf8");
  const judged = judgeBitBakeRun({ status: exit.status, output, layerFolder, progress, mayRefuse: step.mayRefuse });
  const wrong = judged.passed && step.expected !== undefined ? judgeValues(output, step.expected) : undefined;
  return { name: step.name, log: outputPath, ...(wrong === undefined ? judged : { passed: false, detail: wrong }) };
}

async function runCompatibilityStep(
  ctx: Context,
  place: CheckPlace,
  step: LayerCheckStep,
): Promise<Omit<LayerCheckResult, "durationMs">> {
  const { folders, layerFolder } = place.setup;
  const log = join(place.logFolder, `${logName(step.name)}.log`);
  const program = join(folders.workFolder, "sources/openembedded-core/scripts/yocto-check-layer");
  // It takes no file with -R; the folder is the check's own.
  await writeFileAtomic(join(folders.buildFolder, "conf/auto.conf"), `${step.configuration.join("\n")}\n`);
  const environment = replaceEnvironment(ctx.env, { ...place.environment, MACHINE: step.machine, BB_SERVER_TIMEOUT: "0" });
  const result = await ctx.exec.run([program, ...step.arguments], { cwd: folders.buildFolder, env: environment });
  const output = `${result.stdout}${result.stderr}`;
  await writeFile(log, output);
  const passed = result.status === 0;
  return {
    name: step.name,
    log,
    passed,
    detail: passed ? "" : `failed: ${selectFailedTests(output).join(", ") || `exit status ${result.status} of ${layerFolder}`}`,
  };
}

async function runSteps(ctx: Context, place: CheckPlace, steps: readonly LayerCheckStep[]): Promise<readonly LayerCheckResult[]> {
  const results: LayerCheckResult[] = [];
  for (const step of steps) {
    const startMs = ctx.clock.monotonicMs();
    ctx.log.info(step.name);
    const outcome = step.tool === "bitbake" ? await runBitBakeStep(ctx, place, step) : await runCompatibilityStep(ctx, place, step);
    results.push({ ...outcome, durationMs: ctx.clock.monotonicMs() - startMs });
  }
  return results;
}

async function openPlace(ctx: Context, setup: SetupOptions): Promise<CheckPlace> {
  await runSetup(ctx, setup);
  const environment = await readBuildEnvironment(ctx, setup.folders, setup.layerFolder);
  const logFolder = join(setup.folders.logFolder, new Date(ctx.clock.nowMs()).toISOString().replaceAll(":", ""));
  await mkdir(logFolder, { recursive: true });
  return { setup, environment, logFolder };
}

/**
 * Checks the layer against the pinned openembedded-core with real BitBake, as an ordinary user: what planLayerCheck says, then
 * yocto-check-layer in a folder without the layer. `setup` and `bare` are set-ups of two build folders. Throws what runSetup throws; what
 * fails of the layer is a result.
 */
export async function runLayerCheck(
  ctx: Context,
  options: { setup: SetupOptions; bare: SetupOptions; steps: readonly LayerCheckStep[]; compatibility: boolean },
): Promise<readonly LayerCheckResult[]> {
  const results = await runSteps(ctx, await openPlace(ctx, options.setup), options.steps);
  if (!options.compatibility) return results;
  const { bare } = options;
  const { workFolder } = bare.folders;
  // It looks at every file below the layer: those of the clone's node_modules are not the layer's.
  const layerFolder = join(workFolder, "layer-copy/meta-k3s");
  await writeLayerCopy(ctx, bare.layerFolder, layerFolder);
  const step = planCompatibility({ workFolder, layerFolder });
  return [...results, ...(await runSteps(ctx, await openPlace(ctx, bare), [step]))];
}
