import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { closeTestContext } from "../harness/close-test-context.ts";
import { openTestContext, type TestContext } from "../harness/open-test-context.ts";
import { readResults } from "./read-results.ts";

const VITEST = join(import.meta.dirname, "../../node_modules/.bin/vitest");
const CONFIG = join(import.meta.dirname, "testdata/vitest.config.ts");

let test: TestContext;
let results: string;

beforeEach(async () => {
  test = await openTestContext();
  results = join(test.folder, "state", "tests.jsonl");
});
afterEach(async () => closeTestContext(test));

/** Runs the three tests of testdata. Which of their bodies ran, and what vitest printed. */
async function runKept(env: Record<string, string>): Promise<{ ran: readonly string[]; output: string }> {
  const notes = join(test.folder, "ran");
  await writeFile(notes, "");
  const { stdout, stderr } = await test.ctx.exec.run(
    [process.execPath, VITEST, "run", "--config", CONFIG, "--reporter", "verbose"],
    {
      env: { ...test.ctx.env, META_K3S_TEST_RAN: notes, META_K3S_TEST_RESULTS: results, META_K3S_K3S: "", ...env },
    },
  );
  return { ran: (await readFile(notes, "utf8")).trim().split("\n"), output: stdout + stderr };
}

it("how each test ended is kept, and what passed is not run again where the run is continued", async () => {
  expect((await runKept({})).ran).toEqual(["passes", "fails", "leaves something behind"]);
  const kept = await readResults(results);
  expect(kept.map(({ test: name, outcome }) => `${name}: ${outcome}`)).toEqual([
    "three.kept.ts > kept > passes: passed",
    "three.kept.ts > kept > fails: failed",
    "three.kept.ts > kept > leaves something behind: failed",
  ]);
  expect(new Set(kept.map(({ source, k3s }) => `${source.length} ${k3s}`))).toEqual(new Set(["64 the testbed's"]));

  const { ran, output } = await runKept({ META_K3S_CONTINUE: "1" });
  expect(ran).toEqual(["fails", "leaves something behind"]);
  expect(output).toMatch(/passes.*\[passed in .* on 20.*, with the same source\]/u);
  expect(await readResults(results)).toHaveLength(5);
});

it("what passed is run again without being continued, with another k3s and of another source", async () => {
  await runKept({});
  expect((await runKept({})).ran).toContain("passes");
  expect((await runKept({ META_K3S_CONTINUE: "1", META_K3S_K3S: process.execPath })).ran).toContain("passes");
  const [first] = await readResults(results);
  await writeFile(results, `${JSON.stringify({ ...first, source: "0".repeat(64) })}\n`);
  expect((await runKept({ META_K3S_CONTINUE: "1" })).ran).toContain("passes");
});

it("a line that is no result is named, and nothing counts as passed for it", async () => {
  await runKept({});
  await writeFile(results, `${await readFile(results, "utf8")}{"test":\n`);
  const { ran, output } = await runKept({ META_K3S_CONTINUE: "1" });
  expect(ran).toEqual([""]);
  expect(output).toMatch(/tests\.jsonl:4: not the result of a test/u);
});
