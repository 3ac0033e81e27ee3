import { describe, test } from "vitest";
import { expectFails, expectHolds, planDeadline, prepareScenario } from "./harness/run-scenario-test.ts";
import { CI_SCENARIOS, SCENARIOS } from "./scenarios/list-scenarios.ts";

describe.each(SCENARIOS.filter((scenario) => !CI_SCENARIOS.includes(scenario)))("$name: $about", (scenario) => {
  const bench = prepareScenario(scenario);
  test("holds", async () => expectHolds(bench, scenario), planDeadline(scenario));
});

describe.each(SCENARIOS)("$name", (scenario) => {
  const bench = prepareScenario(scenario);
  test.each(scenario.defects)("fails when $about", async (defect) => expectFails(bench, scenario, defect), planDeadline(scenario));
});
