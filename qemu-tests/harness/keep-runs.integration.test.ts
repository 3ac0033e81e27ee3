import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openReportFolder } from "../../tools/report/open-report-folder.ts";
import { closeTestContext } from "./close-test-context.ts";
import { keepRuns } from "./keep-runs.ts";
import { openTestContext, type TestContext } from "./open-test-context.ts";

let test: TestContext;

beforeEach(async () => {
  test = await openTestContext();
});
afterEach(async () => closeTestContext(test));

it("the reports of all runs are kept beside those of other tests, and nobody else's to read", async () => {
  const to = join(test.folder, "kept", "here");
  await mkdir(join(to, "20260101T000000Z-0000-other"), { recursive: true });
  const { path } = await openReportFolder(test.ctx, { name: "join" });
  await writeFile(join(path, "run.json"), "{}");
  await writeFile(join(test.folder, "runs", "foreign"), "");
  await keepRuns(test, to);
  const names = await readdir(to);
  expect(names).toHaveLength(2);
  const name = names.find((kept) => kept.endsWith("-join")) ?? "";
  expect(await readFile(join(to, name, "run.json"), "utf8")).toBe("{}");
  expect((await stat(join(to, name))).mode & 0o777).toBe(0o700);
});

it("a test without a run, and one whose runs are not to be kept, leave nothing", async () => {
  await keepRuns(test, join(test.folder, "kept"));
  await openReportFolder(test.ctx, { name: "join" });
  await keepRuns(test, undefined);
  await keepRuns(test, "");
  expect(await readdir(join(test.folder, "kept"))).toEqual([]);
});
