import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runScenario } from "../tools/scenario/run-scenario.ts";
import { closeTestContext } from "./harness/close-test-context.ts";
import { openTestContext, type TestContext } from "./harness/open-test-context.ts";
import { SCENARIOS } from "./scenarios/list-scenarios.ts";
import { buildTestbed, type TestbedImage } from "./testbed/build-testbed.ts";

let image: TestbedImage;
let bench: TestContext;

beforeAll(async () => {
  await using building = await openTestContext();
  image = await buildTestbed(building.ctx, { arch: "x86_64", k3s: process.env["META_K3S_K3S"] });
});
beforeEach(async () => {
  bench = await openTestContext();
});
afterEach(async () => closeTestContext(bench));

/** Several times what it takes on an idle machine: for what hangs, not for what is slow. */
const deadline = (minutes: number): number => minutes * 4 * 60_000;

describe.each(SCENARIOS)("$name: $about", (scenario) => {
  test(
    "holds",
    async () => {
      const { record } = await runScenario(bench.ctx, scenario, { qemubootPath: image.qemubootPath, command: "npm test" });
      expect(record.verdict).toMatchObject({ outcome: "ready", exitCode: 0, problems: [] });
      expect(record.checks.length).toBeGreaterThan(1);
    },
    deadline(scenario.minutes),
  );

  test.each(scenario.defects)(
    "fails when $about",
    async (defect) => {
      const { record } = await runScenario(bench.ctx, scenario, { qemubootPath: image.qemubootPath, command: "npm test", defect });
      const failed = record.checks.filter((check) => check.outcome === "failed");
      expect(failed).toHaveLength(1);
      expect(failed[0]?.name).toMatch(defect.fails.check);
      expect(failed[0]?.message).toMatch(defect.fails.words);
      expect(record.verdict.outcome).not.toBe("ready");
      expect(record.bundle).not.toBeNull();
    },
    deadline(scenario.minutes),
  );
});
