import { describe, test } from "vitest";
import { expectHolds, planDeadline, prepareScenarios } from "./harness/run-scenario-test.ts";
import { CI_SCENARIOS } from "./scenarios/list-scenarios.ts";

const bench = prepareScenarios();

describe.each(CI_SCENARIOS)("$name: $about", (scenario) => {
  test("holds", async () => expectHolds(bench, scenario), planDeadline(scenario));
});
