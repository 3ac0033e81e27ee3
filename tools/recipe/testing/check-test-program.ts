import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { formatProxyPath } from "../../gomod/parse-module.ts";
import type { TestModule, TestProgram } from "./open-test-program.ts";

/** No file of the recipe is there. */
export async function expectNothingWritten(program: TestProgram): Promise<void> {
  expect(await program.readRecipe()).toEqual({});
}

/** The cache has no record of the module. */
export async function expectNotKept(program: TestProgram, module: TestModule): Promise<void> {
  const records = await program.readCache("modules");
  expect(records.filter((path) => path.includes(formatProxyPath(module, "info").replace(/info$/, "")))).toEqual([]);
}

/** Changes the program's go.sum; an edit that changes nothing is a mistake of the test. */
export async function editGoSum(program: TestProgram, edit: (text: string) => string): Promise<void> {
  const path = join(program.folder, "source", "go.sum");
  const text = await readFile(path, "utf8");
  const edited = edit(text);
  expect(edited).not.toBe(text);
  await writeFile(path, edited);
}
