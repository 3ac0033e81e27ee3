import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { readHostSummary } from "../boot-test/read-host-summary.ts";
import { readGuestSecrets } from "../cluster/read-guest-secrets.ts";
import type { Context } from "../core/context.ts";
import { AbortedError, ToolError } from "../core/errors.ts";
import { readToolVersion } from "../core/read-version.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import { gatherBundle } from "../report/gather-bundle.ts";
import { openReportFolder } from "../report/open-report-folder.ts";
import type { RunRecord } from "../report/run-record.ts";
import { writeReport } from "../report/write-report.ts";
import { openLab, type OpenLab } from "./open-lab.ts";
import { planScenarioRecord } from "./plan-scenario-record.ts";
import type { Defect, Scenario } from "./scenario.ts";

/** Thirty questions to each emulated guest. */
const BUNDLE_TIMEOUT_MS = 180_000;

export interface ScenarioOptions {
  /** Image of every machine of the scenario. */
  readonly qemubootPath: string;
  /** The command line, for the report. */
  readonly command: string;
  /** A fault to plant, so that the scenario has to fail. */
  readonly defect?: Defect | undefined;
  readonly junitPath?: string | undefined;
}

export interface ScenarioResult {
  readonly record: RunRecord;
  readonly runFolder: string;
}

async function gather(ctx: Context, open: OpenLab, runFolder: string): Promise<RunRecord["bundle"]> {
  const guests = open.guests();
  const secrets = await Promise.all(guests.map(async ({ shell }) => (shell === undefined ? [] : readGuestSecrets(shell))));
  return gatherBundle(ctx, {
    folder: runFolder,
    guests: guests.map(({ name, machine, shell }) => {
      const { consolePath } = machine;
      if (shell === undefined) return { name, shell, shellProblem: "SSH was never up", consolePath, qemuArgv: [] };
      return { name, shell, consolePath, qemuArgv: [] };
    }),
    qemuVersion: [...open.log.plans.values()][0]?.qemu.version ?? "",
    secrets: secrets.flat(),
    timeoutMs: BUNDLE_TIMEOUT_MS,
  });
}

/**
 * Runs a scenario on machines of the image, writes its report, and after a failed check the bundle of every machine. A verdict, good or bad, is a
 * result; only an abort throws (AbortedError, after the report is written), and what is no check's failure but a fault of the scenario itself.
 */
export async function runScenario(ctx: Context, scenario: Scenario, options: ScenarioOptions): Promise<ScenarioResult> {
  const startedAtMs = ctx.clock.nowMs();
  const name = options.defect === undefined ? scenario.name : `${scenario.name}-${options.defect.name}`;
  const { path: runFolder } = await openReportFolder(ctx, { name });
  await using open = await openLab(ctx, { qemubootPath: options.qemubootPath, runFolder, defect: options.defect });
  let failure: ToolError | undefined;
  try {
    await scenario.run(open.lab);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    failure = error;
  }
  const aborted = failure instanceof AbortedError || ctx.signal.aborted;
  const bundle = failure === undefined || aborted ? null : await gather(ctx, open, runFolder);
  const summary = await readHostSummary();
  const record = planScenarioRecord({
    name,
    about: scenario.about,
    command: options.command,
    toolVersion: await readToolVersion(),
    startedAtMs,
    endedAtMs: ctx.clock.nowMs(),
    host: { ...summary, qemuVersion: [...open.log.plans.values()][0]?.qemu.version ?? "" },
    log: open.log,
    failure,
    bundle,
  });
  const written = await writeReport(record, { folder: runFolder });
  if (options.junitPath !== undefined)
    await writeFileAtomic(resolve(ctx.cwd, options.junitPath), await readFile(written.junitPath));
  if (failure instanceof AbortedError) throw failure;
  return { record, runFolder };
}
