import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchMachine } from "../boot-test/launch-machine.ts";
import { openGuest } from "../boot-test/open-guest.ts";
import { planGuestRecord, planPowerOn } from "../boot-test/plan-run-record.ts";
import { readK3sVersion } from "../boot-test/read-k3s-version.ts";
import { watchMachine } from "../boot-test/watch-machine.ts";
import type { GuestShell } from "../cluster/guest-shell.ts";
import { planExpectations } from "../cluster/plan-expectations.ts";
import { readK3sConfig } from "../cluster/read-k3s-config.ts";
import { waitForCluster, type ClusterOutcome } from "../cluster/wait-cluster.ts";
import type { Context } from "../core/context.ts";
import { AbortedError, ToolError, WaitTimeoutError } from "../core/errors.ts";
import { waitFor } from "../core/wait-for.ts";
import type { Machine } from "../machine/machine.ts";
import { readMachinePlan } from "../machine/read-machine-plan.ts";
import { CheckError } from "./check-error.ts";
import { openGuestKube } from "./open-guest-kube.ts";
import { planGuestOptions } from "./plan-guest-options.ts";
import { planLabEvent, selectNewEvents } from "./plan-lab-events.ts";
import type { Defect, Guest, GuestOptions, Lab, ReadyOptions } from "./scenario.ts";
import { emptyScenarioLog, type ScenarioLog } from "./scenario-log.ts";

const READY_TIMEOUT_MS = 900_000;
const SSH_TIMEOUT_MS = 300_000;
const STABILITY_MS = 10_000;
const GIVEN_UP_TIMEOUT_MS = 180_000;
/** A command in an emulated guest that starts kubectl takes seconds; one that waits says so itself. */
const COMMAND_TIMEOUT_MS = 180_000;

export interface LabOptions {
  readonly qemubootPath: string;
  /** Folder of the run's report; each machine's console goes into a folder of its name there. */
  readonly runFolder: string;
  readonly defect?: Defect | undefined;
}

/** A machine of the lab and the way into it, as long as it runs. */
export interface LabGuest {
  readonly name: string;
  readonly machine: Machine;
  readonly shell: GuestShell | undefined;
}

/** A lab and what it saw. Disposing it ends every machine and removes their disks. */
export interface OpenLab extends AsyncDisposable {
  readonly lab: Lab;
  readonly log: ScenarioLog;
  /** The machines that run now, and those that ended since they were booted last. */
  guests(): readonly LabGuest[];
}

/** A machine whose SSH server lets the run in. */
interface RunningGuest {
  readonly name: string;
  readonly machine: Machine;
  readonly shell: GuestShell;
}

function formatOutcome({ summary, problems }: ClusterOutcome): string {
  return [summary, ...problems.map(({ subject, message }) => `${subject}: ${message}`)].join("; ");
}

/** What a check failed with, in the tool's own kind of error, so that whatever went wrong ends in a verdict and a report. */
function toFailure(error: unknown): ToolError {
  if (error instanceof ToolError) return error;
  return new CheckError(error instanceof Error ? error.message : String(error), { cause: error });
}

/** Opens the place where a scenario's machines run. Nothing is booted yet. */
export async function openLab(ctx: Context, options: LabOptions): Promise<OpenLab> {
  const disks = await mkdtemp(join(ctx.env["TMPDIR"] ?? tmpdir(), "meta-k3s-disks-"));
  const log = emptyScenarioLog();
  const open = new Map<string, { name: string; machine: Machine; shell: GuestShell | undefined }>();
  const boots = new Map<string, number>();
  let originMs: number | undefined;
  const sinceStartMs = (): number => (originMs === undefined ? 0 : ctx.clock.nowMs() - originMs);

  async function check<T>(name: string, act: () => Promise<T>): Promise<T> {
    ctx.log.progress(`checking: ${name}`);
    try {
      const value = await act();
      log.checks.push({ name, atMs: sinceStartMs(), failure: undefined });
      ctx.log.info(`holds: ${name}`);
      return value;
    } catch (error) {
      if (error instanceof AbortedError || ctx.signal.aborted) throw error;
      const failure = toFailure(error);
      log.checks.push({ name, atMs: sinceStartMs(), failure: { reason: failure.code, message: failure.message } });
      log.events.push({ atMs: sinceStartMs(), kind: "problem", subject: name, detail: failure.message });
      throw failure;
    }
  }

  async function until(look: () => Promise<string | undefined>, wait: { timeoutMs: number; everyMs?: number }): Promise<void> {
    let said: string | undefined;
    try {
      await waitFor(ctx, { condition: "it", timeoutMs: wait.timeoutMs, intervalMs: wait.everyMs ?? 2000 }, async () => {
        const missing = await look();
        if (missing !== undefined && missing !== said) ctx.log.progress(missing);
        said = missing;
        return missing === undefined ? { done: true, value: undefined } : { done: false, seen: missing };
      });
    } catch (error) {
      if (!(error instanceof WaitTimeoutError)) throw error;
      throw new CheckError(`still not after ${Math.round(error.waitedMs / 1000)} s: ${error.lastObservation}`, { cause: error });
    }
  }

  /** Waits for the cluster and writes down what was seen. */
  async function watch(guest: RunningGuest, what: ReadyOptions): Promise<ClusterOutcome> {
    const { timeoutMs = READY_TIMEOUT_MS, stabilityMs = STABILITY_MS, nodeNames = [], ...expect } = what;
    const { machine, shell } = guest;
    const labPoweredOnAtMs = originMs ?? machine.poweredOnAtMs;
    const config = await watchMachine(ctx, machine, async () => readK3sConfig(shell));
    const outcome = await waitForCluster(ctx, {
      shell,
      machineName: guest.name,
      expectations: planExpectations({ config, nodeNames, ...expect }),
      poweredOnAtMs: labPoweredOnAtMs,
      timeoutMs,
      rules: { stabilityMs },
      onConsoleEvent: (listener) => machine.onConsoleEvent((event) => listener(planLabEvent(event, { machine, labPoweredOnAtMs }))),
      exited: machine.exited,
    });
    log.events.push(...selectNewEvents(outcome.events, log.events));
    log.waits.push(...outcome.waits);
    log.memory.push(...outcome.memory);
    log.pods = [...outcome.pods];
    log.nodes = [...outcome.nodes];
    log.guests.set(guest.name, planGuestRecord(await readK3sVersion(shell), outcome.snapshot?.nodes[0]));
    return outcome;
  }

  async function judge(guest: RunningGuest, what: ReadyOptions): Promise<ClusterOutcome> {
    const outcome = await watch(guest, what);
    if (outcome.outcome === "ready") return outcome;
    log.problems = outcome.problems;
    throw new CheckError(formatOutcome(outcome));
  }

  async function expectGivenUp(guest: RunningGuest, what: { words: RegExp; timeoutMs?: number }): Promise<ClusterOutcome> {
    const outcome = await watch(guest, { timeoutMs: what.timeoutMs ?? GIVEN_UP_TIMEOUT_MS });
    const said = outcome.problems.some(({ message }) => what.words.test(message));
    if (outcome.outcome === "guest-failed" && said) return outcome;
    log.problems = outcome.problems;
    throw new CheckError(`the judge says otherwise: ${formatOutcome(outcome)}`);
  }

  async function powerOn(name: string, wish: GuestOptions): Promise<Machine> {
    const { keepDisks = false, qemubootPath = options.qemubootPath, sshTimeoutMs: _, ...machineOptions } = wish;
    const times = (boots.get(name) ?? 0) + 1;
    boots.set(name, times);
    const outputFolder = join(options.runFolder, times === 1 ? name : `${name}-${times}`);
    await mkdir(outputFolder, { recursive: true });
    const planned = planGuestOptions(name, machineOptions, options.defect);
    const stateFolder = keepDisks ? join(disks, name) : undefined;
    if (stateFolder !== undefined) await mkdir(stateFolder, { recursive: true });
    const plan = await readMachinePlan(ctx, { path: qemubootPath, machine: { ...planned, outputFolder, stateFolder } });
    log.plans.set(name, plan);
    const machine = await launchMachine(ctx, plan, { launcher: "qemu" });
    originMs ??= machine.poweredOnAtMs;
    log.events.push(planPowerOn(plan, machine.poweredOnAtMs - originMs));
    return machine;
  }

  async function boot(name: string, wish: GuestOptions = {}): Promise<Guest> {
    const times = boots.get(name) ?? 0;
    return check(times === 0 ? `${name} boots` : `${name} boots again (${times + 1})`, async () => {
      await close(name);
      const machine = await powerOn(name, wish);
      const entry: { name: string; machine: Machine; shell: GuestShell | undefined } = { name, machine, shell: undefined };
      open.set(name, entry);
      const fromMs = sinceStartMs();
      const shell = await openGuest(ctx, machine, { timeoutMs: wish.sshTimeoutMs ?? SSH_TIMEOUT_MS });
      entry.shell = shell;
      log.waits.push({
        fromMs,
        toMs: sinceStartMs(),
        subject: "ssh",
        reason: "booting",
        message: `${name}'s SSH server is not up yet`,
      });
      log.events.push({
        atMs: sinceStartMs(),
        kind: "ssh",
        subject: name,
        detail: `127.0.0.1:${machine.ssh.port} lets the run in`,
      });
      const running = { name, machine, shell };
      return {
        ...running,
        kube: openGuestKube(ctx, running),
        sh: async (command, run = {}) => {
          const result = await watchMachine(ctx, machine, async () =>
            shell.runCheck(command, { timeoutMs: COMMAND_TIMEOUT_MS, ...run }),
          );
          return result.stdout.trim();
        },
        ready: async (what, ready = {}) => check(what, async () => judge(running, ready)),
        givenUp: async (what, given) => check(what, async () => expectGivenUp(running, given)),
        ended: async ({ timeoutMs }) => {
          const settled = new AbortController();
          const late = ctx.clock.sleep(timeoutMs, AbortSignal.any([ctx.signal, settled.signal])).then(() => undefined);
          late.catch(() => undefined);
          const exit = await Promise.race([machine.exited, late]).finally(() => settled.abort());
          if (exit === undefined) throw new CheckError(`${name} still runs after ${Math.round(timeoutMs / 1000)} s`);
          return exit;
        },
      };
    });
  }

  async function close(name: string): Promise<void> {
    const entry = open.get(name);
    open.delete(name);
    await entry?.shell?.[Symbol.asyncDispose]();
    await entry?.machine[Symbol.asyncDispose]();
  }

  return {
    lab: { ctx, qemubootPath: options.qemubootPath, folder: disks, boot, check, until },
    log,
    guests: () => [...open.values()],
    [Symbol.asyncDispose]: async () => {
      for (const name of [...open.keys()].toReversed()) await close(name);
      await rm(disks, { recursive: true, force: true });
    },
  };
}
