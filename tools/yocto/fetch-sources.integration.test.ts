import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { openExec } from "../core/run-process.ts";
import { checkSources, fetchSources } from "./fetch-sources.ts";
import type { Pin } from "./read-pins.ts";
import { readPins } from "./read-pins.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";

function silent(): void {}

let folder = "";
let ctx: Context;
let pin: Pin;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-sources-"));
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@example.org",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@example.org",
  };
  const signal = new AbortController().signal;
  const exec = openExec({ cwd: folder, env, signal });
  ctx = {
    exec,
    clock: systemClock,
    log: { info: silent, warn: silent, debug: silent, progress: silent },
    signal,
    cwd: folder,
    env,
  };
  const clone = join(folder, "clones/bitbake");
  await mkdir(clone, { recursive: true });
  const git = (...words: string[]): Promise<unknown> => exec.runCheck(["git", "-C", clone, ...words]);
  await git("init", "-q");
  await writeFile(join(clone, "hello"), "hello\n");
  await git("add", ".");
  await git("commit", "-q", "-m", "one");
  const head = await exec.runCheck(["git", "-C", clone, "rev-parse", "HEAD"]);
  // A host that never answers, so that nothing but the local clone can have served.
  pin = { name: "bitbake", url: "https://bitbake.invalid/bitbake", commit: head.stdout.trim(), path: "sources/bitbake" };
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const options = (): { workFolder: string; sources: string } => ({
  workFolder: join(folder, "work"),
  sources: join(folder, "clones"),
});

test("a local clone serves without network, nothing of it is copied, and the commit is checked out", async () => {
  await fetchSources(ctx, [pin], options());
  const made = join(folder, "work/sources/bitbake");
  expect(await readFile(join(made, "hello"), "utf8")).toBe("hello\n");
  expect(await readFile(join(made, ".git/objects/info/alternates"), "utf8")).toContain(join(folder, "clones/bitbake"));
  await checkSources(ctx, [pin], join(folder, "work"));
  expect(await readdir(join(folder, "work/sources"))).toEqual(["bitbake"]);
});

test("a clone that lacks the pinned commit is refused by name, and nothing half made stays", async () => {
  const other = { ...pin, commit: "0".repeat(40) };
  await expect(fetchSources(ctx, [other], options())).rejects.toMatchObject({
    code: "CONFIG",
    message: expect.stringContaining("does not hold bitbake's pinned commit"),
    hint: expect.stringMatching(/^git -C .* fetch/),
  });
  expect(await readdir(join(folder, "work/sources"))).toEqual([]);
});

test("without network and without clones the host is named within seconds, with what to give instead", async () => {
  await expect(fetchSources(ctx, [pin], { ...options(), sources: undefined })).rejects.toMatchObject({
    code: "DOWNLOAD",
    message: expect.stringMatching(/^cannot reach bitbake\.invalid \(/),
    hint: expect.stringContaining("--sources DIR"),
  });
});

test("what a killed run left is swept away, what a living one makes is not", async () => {
  const sources = join(folder, "work/sources");
  await mkdir(join(sources, ".bitbake.4194305.part"), { recursive: true });
  await mkdir(join(sources, `.oe.${process.pid}.part`));
  await fetchSources(ctx, [pin], options());
  expect((await readdir(sources)).sort()).toEqual([`.oe.${process.pid}.part`, "bitbake"]);
});

test("a repository that was moved off its pin is told", async () => {
  await fetchSources(ctx, [pin], options());
  const moved = { ...pin, commit: "1".repeat(40) };
  await expect(checkSources(ctx, [moved], join(folder, "work"))).rejects.toThrow(/not at the pinned 1111/);
});

test("the pins of this repository are whole commits of the three repositories", async () => {
  const pins = await readPins(LAYER_FOLDER);
  expect(pins.map(({ name, path }) => [name, path])).toEqual([
    ["bitbake", "sources/bitbake"],
    ["openembedded-core", "sources/openembedded-core"],
    ["meta-openembedded", "sources/meta-openembedded"],
  ]);
  expect(pins.every(({ commit }) => /^[0-9a-f]{40}$/.test(commit))).toBe(true);
});
