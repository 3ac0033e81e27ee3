import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../tools/core/clock.ts";
import type { Context } from "../../tools/core/context.ts";
import { DownloadError, IntegrityError } from "../../tools/core/errors.ts";
import { openLogger } from "../../tools/core/logger.ts";
import { openExec } from "../../tools/core/run-process.ts";
import { fetchPinned, isReachable } from "./fetch-k3s-release.ts";

const CONTENT = "#!/bin/sh\necho k3s\n";
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

let dir: string;
let url: string;
let stopServer: () => Promise<void>;
let ctx: Context;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "meta-k3s-release-"));
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/k3s" ? 200 : 404;
    response.end(CONTENT);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/k3s`;
  stopServer = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const base = { cwd: dir, env: process.env, signal: new AbortController().signal };
  const log = openLogger({ stream: { write: () => true }, verbose: false, elapsedMs: () => 0 });
  ctx = { ...base, exec: openExec(base), clock: systemClock, log };
});

afterEach(async () => {
  await stopServer();
  await rm(dir, { recursive: true, force: true });
});

describe("fetchPinned", () => {
  test("takes the pinned bytes, executable", async () => {
    await fetchPinned(ctx, join(dir, "k3s"), { url, sha256: SHA256 });
    expect(await readFile(join(dir, "k3s"), "utf8")).toBe(CONTENT);
    expect((await stat(join(dir, "k3s"))).mode & 0o777).toBe(0o755);
  });

  test("refuses other bytes and keeps none of them", async () => {
    await expect(fetchPinned(ctx, join(dir, "k3s"), { url, sha256: "0".repeat(64) })).rejects.toThrow(IntegrityError);
    expect(await readdir(dir)).toStrictEqual([]);
  });

  test("names what the server answered", async () => {
    const missing = fetchPinned(ctx, join(dir, "k3s"), { url: `${url}-riscv64`, sha256: SHA256 });
    await expect(missing).rejects.toThrow(DownloadError);
    await expect(missing).rejects.toThrow("404");
  });
});

test("a server that is not there, or that does not have the file, is not reachable", async () => {
  expect(await isReachable(ctx, url)).toBe(true);
  expect(await isReachable(ctx, `${url}-riscv64`)).toBe(false);
  await stopServer();
  expect(await isReachable(ctx, url)).toBe(false);
});
