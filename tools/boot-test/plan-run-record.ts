import type { NodeState } from "../cluster/cluster-snapshot.ts";
import type { ClusterOutcome } from "../cluster/wait-cluster.ts";
import type { ToolError } from "../core/errors.ts";
import type { MachinePlan } from "../machine/machine.ts";
import type { RunRecord } from "../report/run-record.ts";

/** What is known of a run when it has ended, however it ended. */
export interface RunFacts {
  readonly name: string;
  readonly command: string;
  readonly toolVersion: string;
  /** Wall-clock times, milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly poweredOnAtMs: number;
  readonly host: { readonly os: string; readonly cpus: number; readonly memoryMib: number };
  readonly plan: MachinePlan;
  readonly launcher: "qemu" | "runqemu";
  readonly k3sVersion: string | null;
  /** Points of the timeline and spans of waiting from before the cluster was looked at. */
  readonly events: RunRecord["events"];
  readonly waits: RunRecord["waits"];
  readonly outcome: ClusterOutcome | undefined;
  /** What ended the run before the cluster could be judged. */
  readonly failure: ToolError | undefined;
  readonly bundle: RunRecord["bundle"];
}

type GuestRecord = RunRecord["machines"][number]["guest"];

/** The stand-in says of itself what it is in its version ("k3s version v1.36.3+k3s1-standin …"); k3s never does. */
function isStandIn(version: string | null): boolean {
  return version !== null && /stand-?in/i.test(version);
}

/** What runs in a guest, from the first line of its `k3s --version` and its node, where they could be read. */
export function planGuestRecord(k3sVersion: string | null, node: NodeState | undefined): GuestRecord {
  return {
    k3sVersion,
    standIn: isStandIn(k3sVersion),
    kernelVersion: node?.kernelVersion ?? null,
    osName: node?.osImage ?? null,
    containerRuntime: node?.containerRuntime ?? null,
  };
}

/** A machine as the record shows it: what was planned, and what could be read of its guest. */
export function planMachineRecord(facts: {
  readonly plan: MachinePlan;
  readonly launcher: "qemu" | "runqemu";
  readonly guest: GuestRecord | undefined;
}): RunRecord["machines"][number] {
  const { plan } = facts;
  return {
    name: plan.spec.name,
    arch: plan.spec.arch,
    launcher: facts.launcher,
    accelerator: plan.accelerator.kind,
    acceleratorReason: plan.accelerator.reason,
    cpu: plan.spec.qemuCpu,
    cpus: plan.spec.cpus,
    memoryMib: plan.spec.memoryMib,
    kernelCommandLine: plan.spec.kernelCommandLine,
    image: plan.spec.rootDisk.path,
    guest: facts.guest ?? planGuestRecord(null, undefined),
  };
}

/** The power-on of a machine as a point of the timeline. */
export function planPowerOn(plan: MachinePlan, atMs: number): RunRecord["events"][number] {
  const detail = `${plan.accelerator.kind.toUpperCase()}, ${plan.spec.memoryMib} MiB`;
  return { atMs, kind: "power-on", subject: plan.spec.name, detail };
}

function planVerdict(facts: RunFacts): RunRecord["verdict"] {
  const { outcome, failure } = facts;
  if (outcome !== undefined) {
    return {
      outcome: outcome.outcome,
      atMs: outcome.heldSinceMs ?? outcome.atMs,
      stableForMs: outcome.stableForMs,
      summary: outcome.summary,
      problems: [...outcome.problems],
      exitCode: outcome.exitCode,
    };
  }
  const problem = {
    code: failure?.code ?? "UNKNOWN",
    subject: facts.name,
    message: failure?.message ?? "the run ended without a verdict",
    hint: failure?.hint ?? null,
  };
  const kinds: Readonly<Record<string, RunRecord["verdict"]["outcome"]>> = { ABORTED: "aborted", TIMEOUT: "not-ready" };
  const environment = failure !== undefined && failure.exitCode < 5;
  return {
    outcome: kinds[problem.code] ?? (environment ? "environment-failed" : "guest-failed"),
    atMs: Math.max(0, facts.endedAtMs - facts.poweredOnAtMs),
    stableForMs: 0,
    summary: problem.message,
    problems: [problem],
    exitCode: failure?.exitCode ?? 70,
  };
}

/** Makes the record of a run from what is known; the reports are rendered from it alone. */
export function planRunRecord(facts: RunFacts): RunRecord {
  const { plan, outcome } = facts;
  const verdict = planVerdict(facts);
  const events = [planPowerOn(plan, 0), ...facts.events, ...(outcome?.events ?? [])];
  return {
    schemaVersion: 1,
    kind: "boot",
    name: facts.name,
    command: facts.command,
    toolVersion: facts.toolVersion,
    startedAt: new Date(facts.startedAtMs).toISOString(),
    durationMs: facts.endedAtMs - facts.startedAtMs,
    host: { ...facts.host, qemuVersion: plan.qemu.version },
    machines: [
      planMachineRecord({ plan, launcher: facts.launcher, guest: planGuestRecord(facts.k3sVersion, outcome?.snapshot?.nodes[0]) }),
    ],
    events: [...events].sort((left, right) => left.atMs - right.atMs),
    waits: [...facts.waits, ...(outcome?.waits ?? [])],
    memory: outcome?.memory ?? [],
    checks: outcome?.checks ?? [],
    pods: outcome?.pods ?? [],
    nodes: outcome?.nodes ?? [],
    verdict,
    bundle: facts.bundle,
  };
}
