import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFileAtomic } from "./write-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-write-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test("makes folders, writes the content with the mode asked for and leaves nothing else", async () => {
  const path = join(folder, "a/b/file");
  await writeFileAtomic(path, "text", { mode: 0o600 });
  expect(await readFile(path, "utf8")).toBe("text");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, "a/b"))).toEqual(["file"]);
});

test("a write that fails keeps the old file and leaves no partial one", async () => {
  const path = join(folder, "file");
  await writeFile(path, "old");
  const unwritable = { toString: () => "x" } as unknown as string;
  await expect(writeFileAtomic(path, unwritable)).rejects.toThrow();
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["file"]);
});
