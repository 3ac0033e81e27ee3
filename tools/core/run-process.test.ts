import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AbortedError, CommandError } from "./errors.ts";
import { openExec } from "./run-process.ts";

let folder: string;
let abort: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-exec-"));
  abort = new AbortController();
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const open = (): ReturnType<typeof openExec> => openExec({ cwd: folder, env: process.env, signal: abort.signal });

test("run gives status, output and the caller's folder", async () => {
  const result = await open().run(["sh", "-c", "pwd; echo oops >&2; exit 3"]);
  expect(result).toMatchObject({ status: 3, stdout: `${folder}\n`, stderr: "oops\n", notFound: false, timedOut: false });
});

test("run hands over input and each line as it comes", async () => {
  const lines: string[] = [];
  await open().run(["cat"], { input: "one\ntwo\n", onLine: (line) => lines.push(line) });
  expect(lines).toEqual(["one", "two"]);
});

test("run adds to and takes from the environment", async () => {
  const exec = openExec({ cwd: folder, env: { PATH: process.env["PATH"], GONE: "1", KEPT: "2" }, signal: abort.signal });
  const result = await exec.run(["sh", "-c", 'echo "${GONE-unset} $KEPT $NEW"'], { env: { GONE: undefined, NEW: "3" } });
  expect(result.stdout).toBe("unset 2 3\n");
});

test("runCheck names the program, its status and the end of its output", async () => {
  const failed = open().runCheck(["sh", "-c", "echo the reason >&2; exit 7"]);
  await expect(failed).rejects.toThrow(CommandError);
  await expect(failed).rejects.toMatchObject({ status: 7, outputTail: "the reason", exitCode: 4 });
});

test("runCheck tells a missing program from a failing one", async () => {
  await expect(open().runCheck(["no-such-program-here"])).rejects.toThrow(/not installed or not on PATH/);
});

test("runCheck says when time ran out", async () => {
  await expect(open().runCheck(["sleep", "60"], { timeoutMs: 50 })).rejects.toThrow(/did not end in time/);
});

test("an abort ends what runs and is told apart from a failure", async () => {
  const running = open().run(["sleep", "60"]);
  abort.abort();
  await expect(running).rejects.toThrow(AbortedError);
});

test("spawn keeps the output in a private file and tells how the process ended", async () => {
  const outputFile = join(folder, "out.log");
  const child = await open().spawn(["sh", "-c", "echo hello; exec sleep 60"], { outputFile });
  child.kill("SIGTERM");
  expect(await child.exited).toEqual({ status: undefined, signalName: "SIGTERM" });
  await expect(readFile(outputFile, "utf8")).resolves.toMatch(/^(hello\n)?$/);
});

test("spawn of a missing program ends with setpriv's words in the file", async () => {
  const outputFile = join(folder, "out.log");
  const child = await open().spawn(["no-such-program-here"], { outputFile });
  expect(await child.exited).toMatchObject({ status: 127 });
  expect(await readFile(outputFile, "utf8")).toMatch(/no-such-program-here/);
});

test("a program that outlives an abort is ended by its own signal alone", async () => {
  const own = new AbortController();
  const lines: string[] = [];
  const running = open().run(["sh", "-c", "echo one; sleep 0.3; echo two; exec sleep 600"], {
    outlivesAbort: true,
    signal: own.signal,
    onLine: (line) => {
      lines.push(line);
      if (line === "one") abort.abort();
      else own.abort();
    },
  });
  await expect(running).resolves.toMatchObject({ signalName: "SIGTERM" });
  expect(lines).toEqual(["one", "two"]);
});
