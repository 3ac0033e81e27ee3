import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { GuestShell } from "../cluster/guest-shell.ts";
import { planExpectations } from "../cluster/plan-expectations.ts";
import { readGuestSecrets } from "../cluster/read-guest-secrets.ts";
import { readK3sConfig } from "../cluster/read-k3s-config.ts";
import type { ClusterOutcome } from "../cluster/wait-cluster.ts";
import { waitForCluster } from "../cluster/wait-cluster.ts";
import type { Context } from "../core/context.ts";
import { readToolVersion } from "../core/read-version.ts";
import { AbortedError, ToolError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import type { Machine, MachinePlan } from "../machine/machine.ts";
import { readMachinePlan } from "../machine/read-machine-plan.ts";
import { gatherBundle } from "../report/gather-bundle.ts";
import { openReportFolder } from "../report/open-report-folder.ts";
import type { RunRecord } from "../report/run-record.ts";
import { writeReport } from "../report/write-report.ts";
import type { BootTestOptions, BootTestResult } from "./boot-test.ts";
import { launchMachine } from "./launch-machine.ts";
import { openGuest } from "./open-guest.ts";
import type { RunFacts } from "./plan-run-record.ts";
import { planReadyTimeoutMs } from "./plan-ready-timeout.ts";
import { planRunRecord } from "./plan-run-record.ts";
import { readHostSummary } from "./read-host-summary.ts";
import { readK3sVersion } from "./read-k3s-version.ts";
import { watchMachine } from "./watch-machine.ts";

/** Thirty questions to an emulated guest that may be out of memory. */
const BUNDLE_TIMEOUT_MS = 120_000;

/** What a run gathers on its way; whatever was reached when it ends goes into the record. */
interface RunState {
  shell: GuestShell | undefined;
  outcome: ClusterOutcome | undefined;
  failure: ToolError | undefined;
  k3sVersion: string | null;
  readonly events: RunRecord["events"];
  readonly waits: RunRecord["waits"];
}

/** Boots' two phases: until SSH lets the run in, then until the cluster is judged. Fills `state` as it goes. */
async function judgeGuest(
  ctx: Context,
  machine: Machine,
  state: RunState,
  options: BootTestOptions & { timeoutMs: number },
): Promise<void> {
  const sincePowerOnMs = (): number => ctx.clock.nowMs() - machine.poweredOnAtMs;
  let seen = { reason: "booting", fromMs: 0 };
  const closeWait = (toMs: number): void => {
    state.waits.push({
      fromMs: seen.fromMs,
      toMs,
      subject: "ssh",
      reason: seen.reason,
      message: "the guest's SSH server is not up yet",
    });
  };
  const onSeen = (reason: string): void => {
    ctx.log.progress(`waiting for SSH: ${reason}`);
    const atMs = sincePowerOnMs();
    closeWait(atMs);
    seen = { reason, fromMs: atMs };
  };
  let shell: GuestShell;
  try {
    shell = await openGuest(ctx, machine, { timeoutMs: options.timeoutMs / 2, onSeen });
  } finally {
    closeWait(sincePowerOnMs());
  }
  state.shell = shell;
  const sshMs = sincePowerOnMs();
  state.events.push({
    atMs: sshMs,
    kind: "ssh",
    subject: machine.spec.name,
    detail: `127.0.0.1:${machine.ssh.port} lets the run in`,
  });
  ctx.log.info(`SSH is up, ${(sshMs / 1000).toFixed(0)} s after power-on`);
  const { nodeNames = [], ...expect } = options.expect ?? {};
  const config = await watchMachine(ctx, machine, async () => readK3sConfig(shell));
  const expectations = planExpectations({ config, nodeNames, ...expect });
  state.outcome = await waitForCluster(ctx, {
    shell,
    machineName: machine.spec.name,
    expectations,
    poweredOnAtMs: machine.poweredOnAtMs,
    timeoutMs: Math.max(0, options.timeoutMs - sshMs),
    rules: { stabilityMs: options.stabilityMs },
    onConsoleEvent: (listener) => machine.onConsoleEvent(listener),
    exited: machine.exited,
  });
  state.k3sVersion = await readK3sVersion(shell);
}

/** The command line of a running process (proc(5)); empty when it has ended already. */
async function readArgv(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.split("\0").slice(0, -1);
}

function toFailure(error: unknown): ToolError {
  if (error instanceof ToolError) return error;
  throw error;
}

/**
 * Boots an image, waits for its cluster, judges it and writes the report: the whole of `test` and `demo`. A verdict, good or bad, is a result; errors
 * are thrown only when there was nothing to judge (ConfigError, PreflightError, before power-on) or on request (AbortedError, after the report is written).
 */
export async function runBootTest(ctx: Context, options: BootTestOptions): Promise<BootTestResult> {
  const startedAtMs = ctx.clock.nowMs();
  const probePlan = await readMachinePlan(ctx, options);
  const name = probePlan.spec.name;
  const { path: runFolder } = await openReportFolder(ctx, { name });
  const plan: MachinePlan = { ...probePlan, outputFolder: runFolder };
  const state: RunState = { shell: undefined, outcome: undefined, failure: undefined, k3sVersion: null, events: [], waits: [] };
  let poweredOnAtMs = ctx.clock.nowMs();
  let bundle: RunRecord["bundle"] = null;

  const report = async (): Promise<RunRecord> => {
    const facts: RunFacts = {
      name,
      command: options.command,
      toolVersion: await readToolVersion(),
      startedAtMs,
      endedAtMs: ctx.clock.nowMs(),
      poweredOnAtMs,
      host: await readHostSummary(),
      plan,
      launcher: options.launcher,
      k3sVersion: state.k3sVersion,
      events: state.events,
      waits: state.waits,
      outcome: state.outcome,
      failure: state.failure,
      bundle,
    };
    const record = planRunRecord(facts);
    const written = await writeReport(record, { folder: runFolder });
    if (options.junitPath !== undefined)
      await writeFileAtomic(resolve(ctx.cwd, options.junitPath), await readFile(written.junitPath));
    return record;
  };

  const machine = await launchMachine(ctx, plan, options);
  const qemuArgv = await readArgv(machine.pid);
  try {
    poweredOnAtMs = machine.poweredOnAtMs;
    try {
      await judgeGuest(ctx, machine, state, { ...options, timeoutMs: options.timeoutMs ?? planReadyTimeoutMs(plan) });
    } catch (error) {
      state.failure = toFailure(error);
    }
    const ready = state.outcome?.outcome === "ready";
    if (!ready && !(state.failure instanceof AbortedError)) {
      bundle = await gatherBundle(ctx, {
        folder: runFolder,
        guests: [
          {
            name,
            shell: state.shell,
            ...(state.shell === undefined ? { shellProblem: state.failure?.message ?? "SSH was never up" } : {}),
            consolePath: machine.consolePath,
            qemuArgv,
          },
        ],
        qemuVersion: plan.qemu.version,
        secrets: state.shell === undefined ? [] : await readGuestSecrets(state.shell),
        timeoutMs: BUNDLE_TIMEOUT_MS,
      });
    }
    const record = await report();
    if (state.failure instanceof AbortedError) throw state.failure;
    if (ready && state.shell !== undefined) await options.whileRunning?.({ machine, shell: state.shell, runFolder });
    return { record, runFolder };
  } finally {
    await state.shell?.[Symbol.asyncDispose]();
    await machine[Symbol.asyncDispose]();
  }
}
