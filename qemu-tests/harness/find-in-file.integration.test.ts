import { open } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { closeTestContext } from "./close-test-context.ts";
import { findInFile } from "./find-in-file.ts";
import { openTestContext, type TestContext } from "./open-test-context.ts";

let test: TestContext;

beforeEach(async () => {
  test = await openTestContext();
});
afterEach(async () => closeTestContext(test));

/** A disk that is mostly free space, with a text amid bytes that are no text at 64 MiB. */
async function writeDisk(): Promise<string> {
  const path = join(test.folder, "disk");
  const file = await open(path, "w");
  try {
    await file.truncate(2 ** 30);
    await file.write(
      Buffer.concat([Buffer.from([0xff, 0, 0xfe]), Buffer.from("token: -s3cret.*\n"), Buffer.from([0xff])]),
      0,
      undefined,
      2 ** 26,
    );
  } finally {
    await file.close();
  }
  return path;
}

it.each([
  [["-s3cret.*"], true],
  [["not there", "s3cret"], true],
  [["s3cret..."], false],
  [["S3CRET"], false],
])("%j: %s", async (texts, found) => {
  expect(await findInFile(test.ctx, await writeDisk(), texts)).toBe(found);
});

it("what cannot be looked for is an error, not a text that is not there", async () => {
  await expect(findInFile(test.ctx, join(test.folder, "none"), ["text"])).rejects.toThrow(
    /cannot look through .*none: .*No such file/u,
  );
  for (const texts of [[], [""], ["two\nlines"]])
    await expect(findInFile(test.ctx, await writeDisk(), texts)).rejects.toThrow("texts of one line each");
});
