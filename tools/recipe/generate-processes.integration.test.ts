import { execFile, spawn } from "node:child_process";
import { watch } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { getuid } from "node:process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it, type TestContext } from "vitest";
import { EXIT } from "../core/exit-codes.ts";
import { MODULES, openTestProgram } from "./testing/open-test-program.ts";
import type { TestProgram } from "./testing/open-test-program.ts";

// What only whole processes can show: a full disk, a read-only folder, a killed run, two runs at once.

const run = promisify(execFile);
const BUILD = fileURLToPath(new URL("../build.ts", import.meta.url));
let program: TestProgram;

beforeEach(async () => {
  program = await openTestProgram();
});

afterEach(async () => {
  await program[Symbol.asyncDispose]();
});

interface Ended {
  readonly exitCode: number;
  readonly stderr: string;
}

async function runTool(argv: readonly string[] = program.argv): Promise<Ended> {
  return runIn(process.execPath, [BUILD, ...argv]);
}

async function runIn(file: string, args: readonly string[]): Promise<Ended> {
  try {
    const { stderr } = await run(file, [...args], { env: program.env, cwd: program.folder });
    return { exitCode: 0, stderr };
  } catch (error) {
    const failed = error as { code?: number; stderr?: string };
    return { exitCode: failed.code ?? -1, stderr: failed.stderr ?? "" };
  }
}

/** Runs the tool where `mounts` (shell lines) have changed the file system, in a mount namespace that ends with it. */
function runWithMounts(mounts: string): Promise<Ended> {
  const asRoot = getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const script = `set -e\n${mounts}\nexec "$@"`;
  return runIn("unshare", [...asRoot, "--mount", "sh", "-c", script, "sh", process.execPath, BUILD, ...program.argv]);
}

async function canMount(): Promise<string | undefined> {
  const asRoot = getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const { exitCode, stderr } = await runIn("unshare", [...asRoot, "--mount", "sh", "-c", "mount -t tmpfs none /mnt"]);
  return exitCode === 0 ? undefined : `this host does not let a test mount a tmpfs: ${stderr.trim()}`;
}

/** Skips a test, and says so where the usual reporter keeps silent. */
function skip(context: TestContext, reason: string): never {
  process.stderr.write(`NOT RUN: ${context.task.name}: ${reason}\n`);
  return context.skip(reason);
}

const recipe = (): string => join(program.folder, "recipes-containers", "demo");

/** Another list of modules: other files would be generated from it. */
async function dropOneModule(): Promise<void> {
  const path = join(program.folder, "source", "modules.txt");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace(`${MODULES.old.path} ${MODULES.old.version}\n`, ""));
}

it("a full disk in the recipe's folder is told; the old files are whole", async (context) => {
  const reason = await canMount();
  if (reason !== undefined) skip(context, reason);
  expect((await runTool()).exitCode).toBe(EXIT.ok);
  const before = await program.readRecipe();
  await dropOneModule();
  // The old files are copied onto a tmpfs that has room for one more page, which four new files do not fit into.
  const mounts = [
    `cp -r ${recipe()} ${program.folder}/copy`,
    `pages=$(( $(ls ${program.folder}/copy | wc -l) + 2 ))`,
    `mount -t tmpfs -o size=$(( pages * 4096 )) none ${recipe()}`,
    `cp ${program.folder}/copy/* ${recipe()}`,
    `trap 'for name in ${recipe()}/*; do cmp "$name" "${program.folder}/copy/$(basename "$name")" || exit 99; done' EXIT`,
    `"$@" || { code=$?; ls ${recipe()} | grep -q part && exit 98; exit $code; }`,
    `exit 97`,
  ].join("\n");
  const { exitCode, stderr } = await runWithMounts(mounts);
  expect(stderr).toContain("the disk is full; no file was changed");
  expect(exitCode).toBe(EXIT.environment);
  expect(await program.readRecipe()).toEqual(before);
});

it("a full disk in the cache is told, and nothing is written", async (context) => {
  const reason = await canMount();
  if (reason !== undefined) skip(context, reason);
  await mkdir(join(program.folder, "cache"));
  const { exitCode, stderr } = await runWithMounts(`mount -t tmpfs -o size=400k none ${program.folder}/cache`);
  expect(stderr).toContain("the disk is full; no file of the recipe was changed");
  expect(exitCode).toBe(EXIT.environment);
  expect(await program.readRecipe()).toEqual({});
});

/** Runs where the recipe's folder cannot be written to: by its mode, or for root, whom modes do not bind, by a read-only mount. */
async function runReadOnly(): Promise<Ended> {
  if (getuid?.() === 0) return runWithMounts(`mount --bind ${recipe()} ${recipe()}\nmount -o remount,ro,bind ${recipe()}`);
  await chmod(recipe(), 0o555);
  const ended = await runTool();
  await chmod(recipe(), 0o755);
  return ended;
}

it("a read-only output folder is told", async (context) => {
  const reason = getuid?.() === 0 ? await canMount() : undefined;
  if (reason !== undefined) skip(context, reason);
  await mkdir(recipe(), { recursive: true });
  const { exitCode, stderr } = await runReadOnly();
  expect(stderr).toMatch(/it (is on a read-only file system|may not be written to); no file was changed/);
  expect(exitCode).toBe(EXIT.environment);
  expect(await program.readRecipe()).toEqual({});
});

it("two runs at once, on one cold cache, both end well and agree", async () => {
  const [first, second] = await Promise.all([runTool(), runTool()]);
  expect(first).toMatchObject({ exitCode: EXIT.ok });
  expect(second).toMatchObject({ exitCode: EXIT.ok });
  const files = await program.readRecipe();
  expect(Object.keys(files)).toHaveLength(4);
  const third = await runTool([...program.argv, "--check"]);
  expect(third.exitCode).toBe(EXIT.ok);
});

it(
  "a run that is killed while it writes leaves old or new files, each whole; the next one cleans up",
  { timeout: 600_000 },
  async () => {
    expect((await runTool()).exitCode).toBe(EXIT.ok);
    const before = await program.readRecipe();
    await dropOneModule();
    expect((await runTool()).exitCode).toBe(EXIT.ok);
    const after = await program.readRecipe();
    expect(after).not.toEqual(before);

    let killedInTheMiddle = false;
    // A kill cannot be timed to the byte; it is tried until one hits the writing, and every try has to keep the promise.
    for (let tries = 0; tries < 40 && !killedInTheMiddle; tries += 1) {
      for (const [name, content] of Object.entries(before)) await writeFile(join(recipe(), name), content);
      const child = spawn(process.execPath, [BUILD, ...program.argv], { env: program.env, cwd: program.folder, stdio: "ignore" });
      const watcher = watch(recipe(), (_event, name) => {
        if (name?.endsWith(".part") === true) child.kill("SIGKILL");
      });
      await new Promise((resolve) => child.once("exit", resolve));
      watcher.close();
      const found = Object.entries(await program.readRecipe());
      killedInTheMiddle = found.some(([name]) => name.endsWith(".part"));
      const whole = found.filter(([name]) => !name.endsWith(".part"));
      expect(whole.map(([name]) => name).toSorted()).toEqual(Object.keys(before).toSorted());
      for (const [name, content] of whole) expect([before[name], after[name]]).toContain(content);
    }
    expect(killedInTheMiddle).toBe(true);

    expect((await runTool()).exitCode).toBe(EXIT.ok);
    expect(await program.readRecipe()).toEqual(after);
  },
);

it("Ctrl-C during a download ends the run with 130 and leaves nothing but what can be resumed", async () => {
  const child = spawn(process.execPath, [BUILD, ...program.argv], { env: program.env, cwd: program.folder, stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
  });
  program.proxy.misbehave(MODULES.plain, (_request, response, file) => {
    response.writeHead(200, { "content-length": file.body.length });
    response.write(file.body.subarray(0, 50_000), () => setTimeout(() => child.kill("SIGINT"), 100));
  });
  expect(await ended).toBe(EXIT.aborted);
  expect(await program.readRecipe()).toEqual({});
  expect((await program.readCache("modules")).filter((path) => path.includes("plain"))).toEqual([]);
  program.proxy.misbehave(MODULES.plain, (_request, response, file) => {
    response.writeHead(200, { "content-length": file.body.length }).end(file.body);
  });
  expect((await runTool()).exitCode).toBe(EXIT.ok);
});
