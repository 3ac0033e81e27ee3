import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { openTestContext } from "./testing/open-test-context.ts";
import { writeHandOverDisk } from "./write-hand-over-disk.ts";

let folder: string;
let ctx: Context;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-hand-over-"));
  ctx = openTestContext({ folder }).ctx;
});
afterEach(async () => rm(folder, { recursive: true }));

async function debugfs(path: string, command: string): Promise<string> {
  return (await ctx.exec.runCheck(["debugfs", "-R", command, path])).stdout;
}

test("a credential is on the disk as it was given, and is root's alone", async () => {
  const content = `first line\n${"x".repeat(3_000_000)}\n`;
  const path = await writeHandOverDisk(ctx, { folder, credentials: [{ name: "tmpfiles.extra", content }] });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await debugfs(path, "cat /tmpfiles.extra")).toBe(content);
  expect(await debugfs(path, "stat /tmpfiles.extra")).toMatch(/Mode: +0600[^]*User: +0 +Group: +0\b/u);
  expect(await debugfs(path, "stat /")).toMatch(/Mode: +0700[^]*User: +0 +Group: +0\b/u);
  await ctx.exec.runCheck(["e2fsck", "-fn", path]);
});
