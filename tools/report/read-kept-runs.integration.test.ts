import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readKeptRuns } from "./read-kept-runs.ts";
import type { RunRecord } from "./run-record.ts";
import { readyRecord } from "./testing/example-runs.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-runs-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const read = async () => readKeptRuns({ cwd: folder, env: { META_K3S_RUNS: "runs" } });

async function keep(name: string, record: RunRecord | string): Promise<void> {
  await mkdir(join(folder, "runs", name), { recursive: true });
  await writeFile(join(folder, "runs", name, "run.json"), typeof record === "string" ? record : JSON.stringify(record));
}

test("where nothing has run there is nothing, and no error", async () => {
  expect(await read()).toEqual({ folder: join(folder, "runs"), records: [], unread: [] });
});

test("the oldest run comes first; one that cannot be read is named with the reason and hides no other", async () => {
  await keep("20261126T210000Z-0001-second", { ...readyRecord, name: "second" });
  await keep("20261126T200000Z-ffff-first", { ...readyRecord, name: "first" });
  await keep("20261126T203000Z-0000-torn", '{ "schemaVersion": 1');
  await mkdir(join(folder, "runs", "20261126T220000Z-0000-goes-on"));
  await keep("somebody-else", { ...readyRecord, name: "not a run's folder" });
  const { records, unread } = await read();
  expect(records.map((record) => record.name)).toEqual(["first", "second"]);
  expect(unread.map(({ name }) => name)).toEqual(["20261126T203000Z-0000-torn", "20261126T220000Z-0000-goes-on"]);
  expect(unread[0]?.reason).toContain("is not JSON");
  expect(unread[1]?.reason).toContain("cannot read");
});
