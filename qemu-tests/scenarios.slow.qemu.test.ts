import { describe, test } from "vitest";
import { expectFails, expectHolds, planDeadline, prepareScenario } from "./harness/run-scenario-test.ts";
import { CI_SCENARIOS, REAL_K3S_SCENARIOS, SCENARIOS } from "./scenarios/list-scenarios.ts";

const standIn = process.env["META_K3S_K3S"] === undefined;
if (standIn) {
  const names = REAL_K3S_SCENARIOS.map(({ name }) => name).join(", ");
  process.stderr.write(
    `\nNOT RUN: ${names}, which the stand-in cannot be used for. META_K3S_K3S=FILE runs them, with a k3s binary.\n\n`,
  );
}
const runnable = SCENARIOS.filter((scenario) => !standIn || !REAL_K3S_SCENARIOS.includes(scenario));

describe.each(runnable.filter((scenario) => !CI_SCENARIOS.includes(scenario)))("$name: $about", (scenario) => {
  const bench = prepareScenario(scenario);
  test("holds", async () => expectHolds(bench, scenario), planDeadline(scenario));
});

describe.each(runnable)("$name", (scenario) => {
  const bench = prepareScenario(scenario);
  test.each(scenario.defects)("fails when $about", async (defect) => expectFails(bench, scenario, defect), planDeadline(scenario));
});
