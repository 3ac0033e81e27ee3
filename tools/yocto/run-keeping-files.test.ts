import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runKeepingFiles } from "./run-keeping-files.ts";

let folder = "";
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-keeping-"));
  await writeFile(at("same"), "one\n");
  await writeFile(at("other"), "one\n");
});

afterEach(async () => rm(folder, { recursive: true }));

const paths = (): string[] => ["same", "other", "new"].map(at);
const look = async (name: string): Promise<readonly bigint[]> => {
  const { mtimeNs, size, ino } = await stat(at(name), { bigint: true });
  return [mtimeNs, size, ino];
};

test("a file that says the same is the file it was, to the nanosecond; one that says something else is the new one", async () => {
  const before = await look("same");
  const value = await runKeepingFiles(paths(), async () => {
    await writeFile(at("same"), "one\n");
    await writeFile(at("other"), "two\n");
    await writeFile(at("new"), "three\n");
    return 7;
  });
  expect(value).toBe(7);
  expect(await look("same")).toEqual(before);
  expect(await readFile(at("other"), "utf8")).toBe("two\n");
  expect(await readdir(folder)).toEqual(["new", "other", "same"]);
});

test("what was not written because the run ended is there as before", async () => {
  const stopped = runKeepingFiles(paths(), async () => Promise.reject(new Error("stopped")));
  await expect(stopped).rejects.toThrow("stopped");
  expect(await readFile(at("other"), "utf8")).toBe("one\n");
  expect(await readdir(folder)).toEqual(["other", "same"]);
});

test("a run that was killed amid the writing does not hinder the next", async () => {
  await writeFile(at("same.before"), "older\n");
  await runKeepingFiles(paths(), async () => writeFile(at("same"), "new\n"));
  expect(await readFile(at("same"), "utf8")).toBe("new\n");
  await rm(at("other"));
  await writeFile(at("other.before"), "one\n");
  await runKeepingFiles(paths(), async () => Promise.resolve());
  expect(await readdir(folder)).toEqual(["other", "same"]);
});
