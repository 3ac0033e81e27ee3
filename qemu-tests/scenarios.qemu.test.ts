import { describe, test } from "vitest";
import { expectHolds, planDeadline, prepareScenario } from "./harness/run-scenario-test.ts";
import { CI_SCENARIOS } from "./scenarios/list-scenarios.ts";

describe.each(CI_SCENARIOS)("$name: $about", (scenario) => {
  const bench = prepareScenario(scenario);
  test("holds", async () => expectHolds(bench, scenario), planDeadline(scenario));
});
