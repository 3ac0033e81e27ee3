import { describe, expect, test } from "vitest";
import { AbortedError, PreflightError, WaitTimeoutError } from "../core/errors.ts";
import { CheckError } from "./check-error.ts";
import { planScenarioRecord, type ScenarioFacts } from "./plan-scenario-record.ts";
import { emptyScenarioLog } from "./scenario-log.ts";

function facts(change: Partial<ScenarioFacts> = {}): ScenarioFacts {
  const log = emptyScenarioLog();
  log.checks.push({ name: "device boots", atMs: 30_000, failure: undefined });
  return {
    name: "offline",
    about: "what it proves",
    command: "test --scenario offline",
    toolVersion: "0.1.0",
    startedAtMs: 1000,
    endedAtMs: 61_000,
    host: { os: "Debian", cpus: 2, memoryMib: 4096, qemuVersion: "10.0.13" },
    log,
    failure: undefined,
    bundle: null,
    ...change,
  };
}

function failing(): ScenarioFacts["log"] {
  const { log } = facts();
  log.checks.push({ name: "no image was pulled", atMs: 40_000, failure: { reason: "CHECK_FAILED", message: "pulled: x" } });
  return log;
}

describe("planScenarioRecord", () => {
  test("all checks held: passed, with the moment of the last one", () => {
    const record = planScenarioRecord(facts());
    expect(record.verdict).toMatchObject({ outcome: "ready", exitCode: 0, atMs: 30_000, problems: [] });
    expect(record.verdict.summary).toBe("offline: all 1 checks held");
    expect(record.events.at(-1)).toMatchObject({ kind: "ready", subject: "offline" });
  });

  test("a failed check is the first problem, under its own name, and never passes", () => {
    const record = planScenarioRecord(facts({ log: failing(), failure: new CheckError("pulled: x") }));
    expect(record.verdict).toMatchObject({ outcome: "guest-failed", exitCode: 6 });
    expect(record.verdict.problems[0]).toMatchObject({
      code: "CHECK_FAILED",
      subject: "no image was pulled",
      message: "pulled: x",
    });
    expect(record.checks.map((check) => check.outcome)).toEqual(["passed", "failed"]);
    expect(record.events.some((event) => event.kind === "ready")).toBe(false);
  });

  test("what the cluster's judge found follows the check that failed for it", () => {
    const log = failing();
    log.problems = [{ code: "IMAGE_PULL", subject: "pod kube-system/coredns", message: "no image", hint: null }];
    const { problems } = planScenarioRecord(facts({ log, failure: new CheckError("not Ready") })).verdict;
    expect(problems.map((problem) => problem.code)).toEqual(["CHECK_FAILED", "IMAGE_PULL"]);
  });

  const late = new WaitTimeoutError({ condition: "SSH", waitedMs: 1, attempts: 1, lastObservation: "nothing" });
  test.each([
    ["aborted", 130, new AbortedError()],
    ["not-ready", 5, late],
    ["environment-failed", 3, new PreflightError("no QEMU")],
  ] as const)("%s has exit code %i", (outcome, exitCode, failure) => {
    expect(planScenarioRecord(facts({ failure })).verdict).toMatchObject({ outcome, exitCode });
  });
});
