import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, readlink, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../core/clock.ts";
import { ConfigError } from "../core/errors.ts";
import { hostileRecord } from "./testing/example-odd-runs.ts";
import { exampleRecords } from "./testing/example-records.ts";
import { readyRecord } from "./testing/example-runs.ts";
import { openReportFolder, planRunsFolder } from "./open-report-folder.ts";
import { readRunRecord } from "./read-run-record.ts";
import { writeReport } from "./write-report.ts";

let home = "";
const contextAt = (nowMs: number): Parameters<typeof openReportFolder>[0] => ({
  cwd: home,
  env: { META_K3S_RUNS: "runs" },
  clock: { ...systemClock, nowMs: () => nowMs },
});

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "write-report-"));
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

describe("writeReport", () => {
  test("leaves the three reports, nothing else, and a link to the newest run", async () => {
    const { path } = await openReportFolder(contextAt(Date.UTC(2026, 10, 21)), { name: "qemux86-64" });
    const paths = await writeReport(readyRecord, { folder: path });
    expect((await readdir(path)).sort()).toEqual(["index.html", "junit.xml", "run.json"]);
    expect(await readlink(join(home, "runs", "latest"))).toBe(basename(path));
    expect(await readRunRecord(paths.jsonPath)).toEqual(readyRecord);
    const second = await openReportFolder(contextAt(Date.UTC(2026, 10, 22)), { name: "join" });
    await writeReport(hostileRecord, { folder: second.path });
    expect(await readlink(join(home, "runs", "latest"))).toBe(basename(second.path));
    expect((await readdir(join(home, "runs"))).sort()).toEqual([basename(path), basename(second.path), "latest"]);
  });

  test("refuses a record that could not be read again", async () => {
    await expect(writeReport({ ...readyRecord, durationMs: Number.NaN }, { folder: home })).rejects.toThrow("durationMs");
    expect(await readdir(home)).toEqual([]);
  });

  test.each(Object.keys(exampleRecords))("%s: JUnit XML is valid against the common schema", async (name) => {
    const record = exampleRecords[name] ?? readyRecord;
    const { path } = await openReportFolder(contextAt(0), { name });
    const { junitPath } = await writeReport(record, { folder: path });
    const schema = fileURLToPath(new URL("testdata/junit.xsd", import.meta.url));
    const lint = spawnSync("xmllint", ["--nonet", "--noout", "--schema", schema, junitPath], { encoding: "utf8" });
    if (lint.error !== undefined) throw new Error("xmllint is missing: apt-get install -y libxml2-utils", { cause: lint.error });
    expect(lint.stderr.trim()).toBe(`${junitPath} validates`);
    const xml = await readFile(junitPath, "utf8");
    const tests = (xml.match(/<testcase\b/gu) ?? []).length;
    expect(xml).toContain(`tests="${tests}"`);
  });
});

describe("openReportFolder", () => {
  test("keeps the newest runs and whatever is not a run", async () => {
    for (let day = 1; day <= 5; day += 1) await openReportFolder(contextAt(Date.UTC(2026, 0, day)), { name: "a/../b c", keep: 3 });
    await writeFile(join(home, "runs", "notes.txt"), "mine");
    await openReportFolder(contextAt(Date.UTC(2026, 0, 6)), { name: "x", keep: 3 });
    const names = (await readdir(join(home, "runs"))).sort();
    expect(names).toEqual([
      expect.stringMatching(/^20260104T000000Z-[0-9a-f]{4}-a-..-b-c$/u),
      expect.stringMatching(/^20260105/u),
      expect.stringMatching(/^20260106/u),
      "notes.txt",
    ]);
  });

  test("two runs in the same second have a folder each", async () => {
    const [one, other] = await Promise.all([
      openReportFolder(contextAt(0), { name: "a" }),
      openReportFolder(contextAt(0), { name: "a" }),
    ]);
    expect(one.path).not.toBe(other.path);
  });

  test.each([
    [{ META_K3S_RUNS: "/r" }, "/r"],
    [{ META_K3S_RUNS: "r" }, "/project/r"],
    [{ XDG_STATE_HOME: "/s", HOME: "/h" }, "/s/meta-k3s/runs"],
    [{ XDG_STATE_HOME: "relative", HOME: "/h" }, "/h/.local/state/meta-k3s/runs"],
    [{ HOME: "/h" }, "/h/.local/state/meta-k3s/runs"],
  ])("%o", (env, expected) => {
    expect(planRunsFolder({ cwd: "/project", env })).toBe(expected);
  });
});

describe("readRunRecord names the cause", () => {
  test("of a missing file", async () => {
    await expect(readRunRecord(join(home, "run.json"))).rejects.toThrow("cannot read the run record");
  });

  test("of text that is not JSON", async () => {
    await writeFile(join(home, "run.json"), "{");
    await expect(readRunRecord(join(home, "run.json"))).rejects.toThrow("is not JSON");
  });

  test("of every wrong field at once", async () => {
    const wrong = { ...readyRecord, schemaVersion: 2, host: { ...readyRecord.host, cpus: "two" } };
    await writeFile(join(home, "run.json"), JSON.stringify(wrong));
    const error = await readRunRecord(join(home, "run.json")).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems).toEqual([
      expect.stringMatching(/^schemaVersion: /u),
      expect.stringMatching(/^host\.cpus: /u),
    ]);
  });
});
