import { afterAll, beforeEach, expect, test } from "vitest";
import { runBootTest } from "../tools/boot-test/run-boot-test.ts";
import type { Architecture } from "../tools/machine/machine-spec.ts";
import { renderRunTable } from "../tools/report/render-run-table.ts";
import type { RunRecord } from "../tools/report/run-record.ts";
import { openOwnContext } from "./harness/open-own-context.ts";
import type { TestContext } from "./harness/open-test-context.ts";
import { keepResults } from "./results/keep-results.ts";
import { buildTestbed } from "./testbed/build-testbed.ts";

/** No less than any machine's own limit, for what hangs. */
const READY_TIMEOUT_MS = 3_000_000;
/** A foreign root filesystem, whose packages are configured by an emulated processor, and every program for it. */
const BUILD_TIMEOUT_MS = 5_400_000;

let bench: TestContext;
const records: RunRecord[] = [];

keepResults();
beforeEach(async () => {
  bench = await openOwnContext();
});
afterAll(() => process.stderr.write(`\n${renderRunTable(records)}\n\n`));

test.each<Architecture>(["x86_64", "aarch64", "arm"])(
  "a %s device without any network turns Ready from its own images",
  async (arch) => {
    const image = await buildTestbed(bench.ctx, { arch });
    const { record } = await runBootTest(bench.ctx, {
      path: image.qemubootPath,
      launcher: "qemu",
      machine: { restrictNetwork: true },
      command: "npm run test:all",
      stabilityMs: 10_000,
    });
    records.push(record);
    expect(record.verdict).toMatchObject({ outcome: "ready", exitCode: 0, problems: [] });
  },
  BUILD_TIMEOUT_MS + READY_TIMEOUT_MS,
);
