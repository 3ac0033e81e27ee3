import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { openTestContext } from "./testing/open-test-context.ts";
import { writeGuestAccess } from "./write-guest-access.ts";
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

test("an arm guest gets the run's keys and its files on the disk; a credential that is read before the disk is there is refused", async () => {
  const handed = { path: "/etc/rancher/k3s/config.yaml", mode: "0600", content: "tls-san: a\n" };
  const options = { arch: "arm", access: { kind: "credentials", user: "root" }, folder } as const;
  const { credentials, handOverDisk, endpoint } = await writeGuestAccess(ctx, {
    ...options,
    handOver: { files: [handed], credentials: [] },
  });
  expect(credentials).toEqual([]);
  const tmpfiles = await debugfs(handOverDisk ?? "", "cat /tmpfiles.extra");
  expect(tmpfiles).toContain(`f+~ ${handed.path} 0600 root root - ${Buffer.from(handed.content).toString("base64")}`);
  expect(tmpfiles).toContain("/run/meta-k3s/ssh_host_ed25519_key 0600");
  expect(endpoint.hostKey).toMatch(/^ssh-ed25519 /u);

  const early = { name: "systemd.unit-dropin.k3s.service", content: "[Service]\n" };
  await mkdir(join(folder, "second"));
  await expect(
    writeGuestAccess(ctx, { ...options, folder: join(folder, "second"), handOver: { files: [], credentials: [early] } }),
  ).rejects.toThrow("cannot be handed the credential systemd.unit-dropin.k3s.service");
});
