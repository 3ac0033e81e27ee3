import { expect, it } from "vitest";
import { ConfigError } from "../../tools/core/errors.ts";
import { renderResultTable } from "./render-result-table.ts";
import { selectLastResults, selectResult } from "./select-results.ts";
import { parseResults, type TestResult } from "./test-result.ts";

const SOURCE = "a".repeat(64);

function planResult(change: Partial<TestResult>): TestResult {
  return {
    test: "qemu-tests/scenarios.qemu.test.ts > join: a server and two agents > holds",
    source: SOURCE,
    k3s: "the testbed's",
    outcome: "passed",
    startedAt: "2026-11-28T02:00:00.000Z",
    durationMs: 483_000,
    host: { os: "Debian GNU/Linux 12 (bookworm)", cpus: 2, memoryMib: 24_106 },
    ...change,
  };
}

it("the last result of a test counts, of the same source and k3s alone", () => {
  const results = [
    planResult({}),
    planResult({ outcome: "failed" }),
    planResult({ source: "b".repeat(64) }),
    planResult({ k3s: "c".repeat(64) }),
    planResult({ test: "another" }),
  ];
  expect(selectResult(results, planResult({}))).toBe(results[1]);
  expect(selectResult(results, planResult({ k3s: "d".repeat(64) }))).toBeUndefined();
  expect(selectLastResults(results, SOURCE)).toEqual([results[1], results[3], results[4]]);
});

it("the table says what ran, how long, how it ended, and of which source and host", () => {
  const results = [planResult({}), planResult({ k3s: "0123456789abcdef".repeat(4), outcome: "failed", durationMs: 61_000 })];
  const table = renderResultTable(results, SOURCE);
  expect(table).toMatch(
    /\| join: a server and two agents: holds +\| the testbed's +\| 2026-11-28 02:00 UTC \| 8 min 3 s +\| passed +\|/u,
  );
  expect(table).toMatch(/\| sha256 0123456789ab \| .* \| 61\.0 s +\| failed +\|/u);
  expect(table).toMatch(/^Source aaaaaaaaaaaa: 1 of the 2 tests that were run passed\nHost: Debian[^\n]*2 CPUs[^\n]*$/mu);
});

it("lines are read as they were written, and a wrong one is named", () => {
  const line = JSON.stringify(planResult({}));
  expect(parseResults(`${line}\n${line}\n`, "tests.jsonl")).toEqual([planResult({}), planResult({})]);
  expect(() => parseResults(`${line}\n{"test":"x"}\n`, "tests.jsonl")).toThrow(ConfigError);
  expect(() => parseResults(`${line}\nhalf`, "tests.jsonl")).toThrow(/tests\.jsonl:2/u);
});
