import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openTestContext } from "../../qemu-tests/harness/open-test-context.ts";
import { CheckError, must } from "./check-error.ts";
import { openLab } from "./open-lab.ts";

test("a check that holds gives its value; whatever else is thrown in one is that check's failure", async () => {
  await using bench = await openTestContext();
  const runFolder = await mkdtemp(join(tmpdir(), "meta-k3s-lab-"));
  await using open = await openLab(bench.ctx, { qemubootPath: "none", runFolder });
  const { lab, log } = open;
  expect(await lab.check("holds", () => Promise.resolve(7))).toBe(7);
  await expect(lab.check("does not", () => Promise.resolve(must(false, "seen otherwise")))).rejects.toThrow("seen otherwise");
  const foreign = new TypeError("socket hang up");
  await expect(lab.check("breaks", () => Promise.reject(foreign))).rejects.toMatchObject({ code: "CHECK_FAILED", cause: foreign });
  expect(log.checks.map((check) => check.failure?.message)).toEqual([undefined, "seen otherwise", "socket hang up"]);
  expect(new CheckError("x").exitCode).toBe(6);
  await rm(runFolder, { recursive: true });
});
