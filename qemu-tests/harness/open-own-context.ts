import { onTestFinished } from "vitest";
import { closeTestContext } from "./close-test-context.ts";
import { keepRuns } from "./keep-runs.ts";
import { openTestContext, type TestContext } from "./open-test-context.ts";

/**
 * Opens a context for the test that runs, which ends with it, whatever its end: reports go where META_K3S_TEST_RUNS says, and a machine that is left fails
 * the test.
 */
export async function openOwnContext(): Promise<TestContext> {
  const test = await openTestContext();
  onTestFinished(async () => {
    try {
      await keepRuns(test, process.env["META_K3S_TEST_RUNS"]);
    } finally {
      await closeTestContext(test);
    }
  });
  return test;
}
