import { planMachineRecord } from "../boot-test/plan-run-record.ts";
import { EXIT } from "../core/exit-codes.ts";
import type { ToolError } from "../core/errors.ts";
import type { RunRecord } from "../report/run-record.ts";
import type { ScenarioLog } from "./scenario-log.ts";

/** What is known of a scenario's run when it has ended, however it ended. */
export interface ScenarioFacts {
  readonly name: string;
  readonly about: string;
  readonly command: string;
  readonly toolVersion: string;
  /** Wall-clock times, milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly host: RunRecord["host"];
  readonly log: ScenarioLog;
  /** What ended it before its end; undefined when all held. */
  readonly failure: ToolError | undefined;
  readonly bundle: RunRecord["bundle"];
}

function planOutcome(failure: ToolError | undefined): RunRecord["verdict"]["outcome"] {
  if (failure === undefined) return "ready";
  if (failure.code === "ABORTED") return "aborted";
  if (failure.code === "TIMEOUT") return "not-ready";
  return failure.exitCode < EXIT.timeout ? "environment-failed" : "guest-failed";
}

function planProblems(facts: ScenarioFacts): RunRecord["verdict"]["problems"] {
  const { failure, log } = facts;
  if (failure === undefined) return [];
  const failed = log.checks.find((check) => check.failure !== undefined);
  const own = { code: failure.code, subject: failed?.name ?? facts.name, message: failure.message, hint: failure.hint ?? null };
  return [own, ...log.problems];
}

/** Makes the record of a scenario's run; reports are rendered from it alone, as from that of a single machine. */
export function planScenarioRecord(facts: ScenarioFacts): RunRecord {
  const { log, failure } = facts;
  const lastMs = Math.max(0, ...log.checks.map((check) => check.atMs));
  const passed = log.checks.filter((check) => check.failure === undefined).length;
  const problems = planProblems(facts);
  return {
    schemaVersion: 1,
    kind: "scenario",
    name: facts.name,
    command: facts.command,
    toolVersion: facts.toolVersion,
    startedAt: new Date(facts.startedAtMs).toISOString(),
    durationMs: facts.endedAtMs - facts.startedAtMs,
    host: facts.host,
    machines: [...log.plans].map(([name, plan]) => planMachineRecord({ plan, launcher: "qemu", guest: log.guests.get(name) })),
    events: [
      ...log.events,
      ...(failure === undefined ? [{ atMs: lastMs, kind: "ready" as const, subject: facts.name, detail: facts.about }] : []),
    ].sort((left, right) => left.atMs - right.atMs),
    waits: [...log.waits],
    memory: [...log.memory],
    checks: log.checks.map(({ name, atMs, failure: broken }) => ({
      name,
      outcome: broken === undefined ? ("passed" as const) : ("failed" as const),
      atMs: broken === undefined ? atMs : null,
      reason: broken?.reason ?? "",
      message: broken?.message ?? "",
    })),
    pods: [...log.pods],
    nodes: [...log.nodes],
    verdict: {
      outcome: planOutcome(failure),
      atMs: lastMs,
      stableForMs: 0,
      summary:
        failure === undefined
          ? `${facts.name}: all ${passed} checks held`
          : `${facts.name}: ${problems[0]?.subject}: ${failure.message}`,
      problems,
      exitCode: failure?.exitCode ?? EXIT.ok,
    },
    bundle: facts.bundle,
  };
}
