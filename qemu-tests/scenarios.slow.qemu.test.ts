import { afterEach, beforeAll, beforeEach, describe, test } from "vitest";
import { closeTestContext } from "./harness/close-test-context.ts";
import { openTestContext, type TestContext } from "./harness/open-test-context.ts";
import { buildScenarioImage, expectFails, expectHolds, planDeadline } from "./harness/run-scenario-test.ts";
import { CI_SCENARIOS, SCENARIOS } from "./scenarios/list-scenarios.ts";
import type { TestbedImage } from "./testbed/build-testbed.ts";

let image: TestbedImage;
let bench: TestContext;

beforeAll(async () => {
  image = await buildScenarioImage();
});
beforeEach(async () => {
  bench = await openTestContext();
});
afterEach(async () => closeTestContext(bench));

describe.each(SCENARIOS.filter((scenario) => !CI_SCENARIOS.includes(scenario)))("$name: $about", (scenario) => {
  test("holds", async () => expectHolds(bench.ctx, scenario, image), planDeadline(scenario));
});

describe.each(SCENARIOS)("$name", (scenario) => {
  test.each(scenario.defects)(
    "fails when $about",
    async (defect) => expectFails(bench.ctx, scenario, image, defect),
    planDeadline(scenario),
  );
});
