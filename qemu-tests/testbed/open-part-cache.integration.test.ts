import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../tools/core/clock.ts";
import { waitFor } from "../../tools/core/wait-for.ts";
import type { PartOutcome } from "./part.ts";

const PROGRAM = join(import.meta.dirname, "testdata/run-fake-part.ts");
const HASH = /^[0-9a-f]{32}$/u;

interface Builder {
  readonly kill: (signalName: NodeJS.Signals) => void;
  readonly stderr: () => string;
  readonly ended: Promise<{ readonly status: number | null; readonly outcome: PartOutcome | undefined }>;
}

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "meta-k3s-cache-"));
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

function startBuilder(command: string): Builder {
  const child = spawn(process.execPath, [PROGRAM, root, command], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return {
    kill: (signalName) => void child.kill(signalName),
    stderr: () => stderr,
    ended: new Promise((resolve) => {
      child.once("close", (status) => {
        resolve({ status, outcome: stdout === "" ? undefined : (JSON.parse(stdout) as PartOutcome) });
      });
    }),
  };
}

async function until(condition: string, holds: () => Promise<boolean>): Promise<void> {
  const ctx = { clock: systemClock, signal: new AbortController().signal };
  await waitFor(ctx, { condition, timeoutMs: 60_000, intervalMs: 20 }, async () =>
    (await holds())
      ? { done: true, value: undefined }
      : { done: false, seen: (await readdir(root, { recursive: true })).join(" ") },
  );
}

async function entries(): Promise<{ readonly whole: readonly string[]; readonly partial: readonly string[] }> {
  const names = await readdir(join(root, "fake")).catch(() => []);
  return { whole: names.filter((name) => HASH.test(name)), partial: names.filter((name) => name.startsWith("partial-")) };
}

const fileExists = async (name: string): Promise<boolean> =>
  (await readdir(root, { recursive: true })).some((path) => path.endsWith(name));

describe("the cache of parts", () => {
  test("keeps what was made, with how long it took, and makes it once", async () => {
    const first = await startBuilder(`echo made >> ${root}/log; echo content > file`).ended;
    const second = await startBuilder(`echo made >> ${root}/log; echo content > file`).ended;
    expect(first.outcome).toMatchObject({ action: "built", reason: "not made before" });
    expect(second.outcome).toMatchObject({ action: "reused", seconds: 0, dir: first.outcome?.dir });
    expect(await readFile(join(root, "log"), "utf8")).toBe("made\n");
    expect(await readFile(join(second.outcome?.dir ?? "", "file"), "utf8")).toBe("content\n");
  });

  test("a builder killed with SIGKILL leaves no entry and no lock; the next one cleans up and makes it", async () => {
    const command = `touch started; test -e ${root}/go || exec sleep 60`;
    const killed = startBuilder(command);
    await until("the part under way", () => fileExists("started"));
    killed.kill("SIGKILL");
    expect((await killed.ended).outcome).toBeUndefined();
    expect(await entries()).toMatchObject({ whole: [], partial: [expect.any(String)] });
    await writeFile(join(root, "go"), "");
    const next = await startBuilder(command).ended;
    expect(next.outcome).toMatchObject({ action: "built" });
    expect(await entries()).toMatchObject({ whole: [expect.any(String)], partial: [] });
  });

  test("SIGTERM in the middle of a part leaves nothing of it", async () => {
    const stopped = startBuilder("touch started; exec sleep 60");
    await until("the part under way", () => fileExists("started"));
    stopped.kill("SIGTERM");
    const { status } = await stopped.ended;
    expect(status).toBe(1);
    expect(await entries()).toStrictEqual({ whole: [], partial: [] });
  });

  test("a part that fails leaves nothing of it and the error names the command", async () => {
    const failed = startBuilder("touch half; echo no such compiler >&2; exit 3");
    const { status } = await failed.ended;
    expect(status).toBe(1);
    expect(failed.stderr()).toContain("exit status 3");
    expect(await entries()).toStrictEqual({ whole: [], partial: [] });
  });

  test("of two builders at once one makes the part, the other says that it waits and takes it", async () => {
    const command = `echo made >> ${root}/log; while test ! -e ${root}/go; do sleep 0.05; done`;
    const builders = [startBuilder(command), startBuilder(command)];
    await until("one builder waiting for the other", () =>
      Promise.resolve(builders.some((builder) => builder.stderr().includes("another meta-k3s is making it"))),
    );
    await writeFile(join(root, "go"), "");
    const ends = await Promise.all(builders.map((builder) => builder.ended));
    expect(new Set(ends.map((end) => end.outcome?.action))).toStrictEqual(new Set(["built", "reused"]));
    expect(new Set(ends.map((end) => end.outcome?.dir)).size).toBe(1);
    expect(await readFile(join(root, "log"), "utf8")).toBe("made\n");
  });

  test("a builder with other inputs waits for nobody and leaves the other's work alone", async () => {
    const command = `touch started; while test ! -e ${root}/go; do sleep 0.05; done; test -e started`;
    const slow = startBuilder(command);
    await until("the part under way", () => fileExists("started"));
    const other = await startBuilder("true").ended;
    expect(other.outcome).toMatchObject({ action: "built" });
    await writeFile(join(root, "go"), "");
    expect((await slow.ended).outcome).toMatchObject({ action: "built" });
  });

  test("only the newest entries of a part stay", async () => {
    for (const round of [1, 2, 3, 4, 5]) await startBuilder(`echo ${round} > file`).ended;
    const { whole } = await entries();
    const kept = await Promise.all(whole.map((name) => readFile(join(root, "fake", name, "file"), "utf8")));
    expect(kept.sort()).toStrictEqual(["3\n", "4\n", "5\n"]);
  });
});
