import type { Problem } from "../cluster/expectation.ts";
import type { MachinePlan } from "../machine/machine.ts";
import type { RunRecord } from "../report/run-record.ts";

/** A check as it went: its words, and when it held. */
export interface CheckResult {
  readonly name: string;
  /** Milliseconds since the first power-on. */
  readonly atMs: number;
  /** Why it failed; undefined when it passed. */
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
}

/** All that a scenario's machines showed, in the order in which it was seen. Times are milliseconds since the first power-on. */
export interface ScenarioLog {
  readonly plans: Map<string, MachinePlan>;
  readonly checks: CheckResult[];
  readonly events: RunRecord["events"];
  readonly waits: RunRecord["waits"];
  readonly memory: RunRecord["memory"];
  /** Of the newest judgement. */
  pods: RunRecord["pods"];
  nodes: RunRecord["nodes"];
  /** What a judgement found wrong, beside the check that failed for it. */
  problems: readonly Problem[];
  readonly guests: Map<string, RunRecord["machines"][number]["guest"]>;
}

/** A log of nothing yet. */
export function emptyScenarioLog(): ScenarioLog {
  return {
    plans: new Map(),
    checks: [],
    events: [],
    waits: [],
    memory: [],
    pods: [],
    nodes: [],
    problems: [],
    guests: new Map(),
  };
}
