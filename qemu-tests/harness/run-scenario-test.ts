import { beforeAll, beforeEach, expect } from "vitest";
import { splitBoots } from "../../tools/report/plan-boot-phases.ts";
import type { RunRecord } from "../../tools/report/run-record.ts";
import { runScenario } from "../../tools/scenario/run-scenario.ts";
import type { Defect, Scenario } from "../../tools/scenario/scenario.ts";
import { buildTestbed, type TestbedImage } from "../testbed/build-testbed.ts";
import { keepResults } from "../results/keep-results.ts";
import { openOwnContext } from "./open-own-context.ts";
import { openTestContext, type TestContext } from "./open-test-context.ts";

/** What every test of a scenario has at hand while it runs. */
export interface ScenarioBench {
  image: TestbedImage;
  test: TestContext;
}

/**
 * For a `describe`: makes the image that the scenario needs, with the k3s of META_K3S_K3S where that names one, and a context for each test. Where
 * a selection leaves all of the scenario's tests out, nothing is made for it.
 */
export function prepareScenario({ needs }: Scenario): ScenarioBench {
  const bench = {} as ScenarioBench;
  beforeAll(async () => {
    await using building = await openTestContext();
    bench.image = await buildTestbed(building.ctx, { arch: "x86_64", k3s: process.env["META_K3S_K3S"], features: needs });
  });
  keepResults(process.env["META_K3S_K3S"]);
  beforeEach(async () => {
    bench.test = await openOwnContext();
  });
  return bench;
}

/** A test's deadline, ms: several times what it takes on an idle machine, for what hangs and not for what is slow. */
export function planDeadline({ minutes }: Scenario): number {
  return minutes * 4 * 60_000;
}

/** A boot after which the cluster was judged has its kernel's start after its own power-on, and what is told is told once. */
function expectTimelineWhole({ events, machines }: RunRecord): void {
  expect(new Set(events.map((event) => JSON.stringify(event))).size).toBe(events.length);
  for (const { name } of machines) {
    const boots = splitBoots(events.filter((event) => event.subject === name)).map((boot) => boot.map(({ kind }) => kind));
    for (const boot of boots.filter((kinds) => kinds.includes("api"))) expect(boot, `a boot of ${name}`).toContain("kernel");
  }
}

/** Runs a scenario, whose every check has to hold. */
export async function expectHolds({ test, image }: ScenarioBench, scenario: Scenario): Promise<void> {
  const { record } = await runScenario(test.ctx, scenario, { qemubootPath: image.qemubootPath, command: "npm test" });
  expect(record.verdict).toMatchObject({ outcome: "ready", exitCode: 0, problems: [] });
  expect(record.checks.length).toBeGreaterThan(1);
  expectTimelineWhole(record);
}

/** Runs a scenario with a fault planted: the check that is meant for it has to fail, in its words, and leave a bundle. */
export async function expectFails({ test, image }: ScenarioBench, scenario: Scenario, defect: Defect): Promise<void> {
  const { record } = await runScenario(test.ctx, scenario, { qemubootPath: image.qemubootPath, command: "npm test", defect });
  const failed = record.checks.filter((check) => check.outcome === "failed");
  expect(failed).toHaveLength(1);
  expect(failed[0]?.name).toMatch(defect.fails.check);
  expect(failed[0]?.message).toMatch(defect.fails.words);
  expect(record.verdict.outcome).not.toBe("ready");
  expect(record.bundle).not.toBeNull();
}
