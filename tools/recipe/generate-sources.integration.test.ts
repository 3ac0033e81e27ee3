import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../cli/run-cli.ts";
import { commands } from "../commands/list-commands.ts";
import type { Context } from "../core/context.ts";
import { EXIT } from "../core/exit-codes.ts";
import { MODULES, openTestProgram } from "./testing/open-test-program.ts";
import { openContext } from "./testing/open-context.ts";
import { openGo } from "./testing/open-go.ts";

// Where a program's source may come from, with a real git repository and real modules; and what is said about files that are written already.

interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runTool(ctx: Context, argv: readonly string[]): Promise<Said> {
  let stdout = "";
  let stderr = "";
  const terminal = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    env: ctx.env,
    cwd: ctx.cwd,
    signal: ctx.signal,
  };
  return { exitCode: await runCli(argv, commands, terminal), stdout, stderr };
}

describe("sources", () => {
  let folder: string;
  let ctx: Context;
  let repository: string;

  const git = async (...argv: readonly string[]): Promise<string> => {
    const identity = {
      GIT_AUTHOR_NAME: "t",
      GIT_AUTHOR_EMAIL: "t@example.com",
      GIT_COMMITTER_NAME: "t",
      GIT_COMMITTER_EMAIL: "t@example.com",
    };
    return (await ctx.exec.runCheck(["git", "-C", repository, ...argv], { env: identity })).stdout.trim();
  };
  const write = (name: string, content: string): Promise<void> => writeFile(join(folder, name), content);
  const declare = (entry: Readonly<Record<string, unknown>>): Promise<void> =>
    write(
      "versions.yaml",
      JSON.stringify({ schemaVersion: 1, programs: { demo: { git: `file://${repository}`, version: "v1.0.0+demo1", ...entry } } }),
    );
  const generate = (...options: readonly string[]): Promise<Said> =>
    runTool(ctx, ["generate", "demo", "--config", join(folder, "versions.yaml"), ...options]);
  const readRecipe = (name: string): Promise<string> => readFile(join(folder, "recipes-containers", "demo", name), "utf8");

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "meta-k3s-sources-"));
    repository = join(folder, "upstream");
    const base = openContext(folder, process.env);
    ctx = openContext(folder, {
      ...process.env,
      PATH: await openGo(base, "1.24"),
      XDG_CACHE_HOME: join(folder, "cache"),
      GOFLAGS: "",
    });
    await mkdir(repository);
    await git("init", "--quiet", "--initial-branch=main", ".");
    await write("upstream/go.mod", "module example.com/demo\n\ngo 1.24\n\nrequire github.com/pkg/errors v0.9.1\n");
    await write("upstream/main.go", 'package main\n\nimport _ "github.com/pkg/errors"\n\nfunc main() {}\n');
    await ctx.exec.runCheck(["go", "mod", "tidy"], {
      cwd: repository,
      env: { GOFLAGS: "-mod=mod", GOSUMDB: "off", GOTOOLCHAIN: "local" },
    });
    await git("add", ".");
    await git("commit", "--quiet", "--message=one");
    await git("tag", "v1.0.0+demo1");
    await write(
      "upstream/main.go",
      'package main\n\nimport (\n\t_ "github.com/pkg/errors"\n\t_ "rsc.io/quote"\n)\n\nfunc main() {}\n',
    );
    await ctx.exec.runCheck(["go", "get", "rsc.io/quote@v1.5.2"], {
      cwd: repository,
      env: { GOFLAGS: "-mod=mod", GOSUMDB: "off", GOTOOLCHAIN: "local" },
    });
    await write("add-quote.patch", `${await git("diff")}\n`);
    await git("commit", "--quiet", "--all", "--message=two");
    await git("branch", "fork");
    await git("reset", "--quiet", "--hard", "v1.0.0+demo1");
  }, 600_000);

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("a repository at the version's tag", { timeout: 300_000 }, async () => {
    await declare({});
    const { exitCode, stdout } = await generate();
    expect(stdout).toContain("modules: 1 (1 verified against go.sum");
    expect(exitCode).toBe(EXIT.ok);
    expect(await readRecipe("demo-1.0.0.inc")).toContain(`DEMO_COMMIT = "${await git("rev-parse", "v1.0.0+demo1")}"`);
    expect(await readRecipe("demo-go-mods.inc")).toMatch(
      /gomod:\/\/github\.com\/pkg\/errors;version=v0\.9\.1;sha256sum=[0-9a-f]{64}/,
    );
  });

  it("a fork's branch", { timeout: 300_000 }, async () => {
    await declare({ branch: "fork" });
    expect((await generate()).exitCode).toBe(EXIT.ok);
    expect(await readRecipe("demo-go-mods.inc")).toContain("gomod://rsc.io/quote;version=v1.5.2");
    expect(await readRecipe("demo-1.0.0.inc")).toContain('DEMO_BRANCH = "fork"');
  });

  it("patches on top change the list of modules, and are named for the recipe", { timeout: 300_000 }, async () => {
    await declare({ patches: ["add-quote.patch"] });
    expect((await generate()).exitCode).toBe(EXIT.ok);
    expect(await readRecipe("demo-go-mods.inc")).toContain("gomod://rsc.io/quote;version=v1.5.2");
    expect(await readRecipe("demo-1.0.0.inc")).toContain('DEMO_PATCHES = "file://add-quote.patch"');
    await write(
      "add-quote.patch.broken",
      (await readFile(join(folder, "add-quote.patch"), "utf8")).replaceAll("pkg/errors", "pkg/terrors"),
    );
    await declare({ patches: ["add-quote.patch.broken"] });
    const { exitCode, stderr } = await generate();
    expect(stderr).toContain("does not apply");
    expect(exitCode).toBe(EXIT.usage);
  });

  it("a checkout, which must be at the commit that is pinned", { timeout: 300_000 }, async () => {
    const commit = await git("rev-parse", "v1.0.0+demo1");
    await declare({ commit });
    expect((await generate("--source", repository)).exitCode).toBe(EXIT.ok);
    await declare({ commit: "0".repeat(40) });
    const { exitCode, stderr } = await generate("--source", repository);
    expect(stderr).toContain(`is at commit ${commit}, and versions.yaml pins demo to 000000`);
    expect(exitCode).toBe(EXIT.usage);
  });

  it("a tag that was moved is noticed", { timeout: 300_000 }, async () => {
    await declare({ commit: "2".repeat(40) });
    const { exitCode, stderr } = await generate();
    expect(stderr).toContain("somebody moved the tag");
    expect(exitCode).toBe(EXIT.integrity);
  });

  it(
    "a repository that is not there, a folder without go.mod, offline without a cache: each is told",
    { timeout: 300_000 },
    async () => {
      await declare({ git: `file://${folder}/nowhere`, commit: "1".repeat(40) });
      expect(await generate()).toMatchObject({
        exitCode: EXIT.command,
        stderr: expect.stringContaining("cannot be fetched") as unknown,
      });
      expect(await generate("--offline")).toMatchObject({
        exitCode: EXIT.command,
        stderr: expect.stringContaining("--offline forbids") as unknown,
      });
      expect(await generate("--source", folder)).toMatchObject({
        exitCode: EXIT.usage,
        stderr: expect.stringContaining("has no go.mod") as unknown,
      });
      expect(await generate("--source", join(folder, "nowhere"))).toMatchObject({
        exitCode: EXIT.usage,
        stderr: expect.stringContaining("there is no folder") as unknown,
      });
      expect(await generate("--modules", join(folder, "nowhere", "list"))).toMatchObject({
        exitCode: EXIT.usage,
        stderr: expect.stringContaining("nowhere/list cannot be read") as unknown,
      });
      await declare({ release: "k3s", version: "v1.36.3+k3s1" });
      expect(await generate("v1.36.4")).toMatchObject({
        exitCode: EXIT.usage,
        stderr: expect.stringContaining('"v1.36.4" is not a version of k3s') as unknown,
      });
    },
  );

  it("a go.sum that lacks a line stops go list, and stays as it is", { timeout: 300_000 }, async () => {
    await declare({});
    const checkout = join(folder, "checkout");
    await mkdir(checkout);
    for (const name of ["go.mod", "main.go"]) await writeFile(join(checkout, name), await readFile(join(repository, name), "utf8"));
    await writeFile(join(checkout, "go.sum"), "");
    const { exitCode, stderr } = await generate("--source", checkout);
    expect(stderr).toContain("go.sum does not hold");
    expect(exitCode).toBe(EXIT.integrity);
    expect(await readFile(join(checkout, "go.sum"), "utf8")).toBe("");
  });

  it("without Go, the list of modules is asked for", { timeout: 300_000 }, async () => {
    await declare({});
    const onlyGit = join(folder, "only-git");
    await mkdir(onlyGit);
    await symlink((await ctx.exec.runCheck(["sh", "-c", "command -v git"])).stdout.trim(), join(onlyGit, "git"));
    const bare = openContext(folder, { ...ctx.env, PATH: onlyGit, GOPROXY: "off", GOMODCACHE: join(folder, "none") });
    const { stderr, exitCode } = await runTool(bare, [
      "generate",
      "demo",
      "--config",
      join(folder, "versions.yaml"),
      "--source",
      repository,
    ]);
    expect(stderr).toContain("give the list of linked modules with --modules FILE");
    expect(exitCode).toBe(EXIT.environment);
    const unset = openContext(folder, { ...bare.env, GOPROXY: undefined });
    const second = await runTool(unset, ["generate", "demo", "--config", join(folder, "versions.yaml"), "--source", repository]);
    expect(second.stderr).toContain("GOPROXY is not set and there is no go command to ask");
    expect(second.exitCode).toBe(EXIT.environment);
  });
});

describe("files that are there already", () => {
  it("--check passes, then sees an edit by hand, a changed versions.yaml, and a missing file; it never writes", async () => {
    await using program = await openTestProgram();
    const ctx = openContext(program.folder, program.env);
    const check = ["generate", "--check", "--config", join(program.folder, "versions.yaml")];
    expect(await runTool(ctx, check)).toMatchObject({
      exitCode: EXIT.ok,
      stdout: expect.stringContaining("nothing was generated yet") as unknown,
    });
    expect((await runTool(ctx, program.argv)).exitCode).toBe(EXIT.ok);
    expect(await runTool(ctx, check)).toMatchObject({ exitCode: EXIT.ok, stdout: "up to date: demo v1.2.3\n" });

    const path = join(program.folder, "recipes-containers", "demo", "demo-go-mods.inc");
    const good = await readFile(path, "utf8");
    await writeFile(path, good.replace("sha256sum=", "sha256sum=0"));
    const drift = await runTool(ctx, check);
    expect(drift.exitCode).toBe(EXIT.drift);
    expect(drift.stdout).toContain("--- a/recipes-containers/demo/demo-go-mods.inc");
    expect(drift.stdout).toMatch(/^-.*sha256sum=0[0-9a-f]{64} \\$/m);
    expect(drift.stdout).toContain("1 file is not what would be generated");
    expect(await readFile(path, "utf8")).not.toBe(good);
    await rm(path);
    expect((await runTool(ctx, check)).stdout).toContain("--- /dev/null");
    await writeFile(path, good);

    const versions = await readFile(join(program.folder, "versions.yaml"), "utf8");
    await writeFile(join(program.folder, "versions.yaml"), versions.replace("v1.2.3", "v1.2.4"));
    const changed = await runTool(ctx, check);
    expect(changed.exitCode).toBe(EXIT.drift);
    expect(changed.stderr).toContain("run ./meta-k3s generate demo");
    await writeFile(join(program.folder, "versions.yaml"), versions);
    expect((await runTool(ctx, [...program.argv, "--check"])).exitCode).toBe(EXIT.ok);
  });

  it("another version is written into versions.yaml, and --diff tells what changed since the one that was committed", async () => {
    await using program = await openTestProgram();
    const ctx = openContext(program.folder, program.env);
    const git = (...argv: readonly string[]): Promise<unknown> =>
      ctx.exec.runCheck(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", program.folder, ...argv]);
    await git("init", "--quiet", ".");
    expect((await runTool(ctx, program.argv)).exitCode).toBe(EXIT.ok);
    await git("add", "recipes-containers", "versions.yaml");
    await git("commit", "--quiet", "--message=one");
    const list = join(program.folder, "source", "modules.txt");
    await writeFile(list, (await readFile(list, "utf8")).replace(`${MODULES.old.path} ${MODULES.old.version}\n`, ""));
    const next = await runTool(ctx, ["generate", "demo", "v1.3.0", ...program.argv.slice(2)]);
    expect(next.exitCode).toBe(EXIT.ok);
    expect(next.stdout).toContain("wrote versions.yaml");
    expect(await readFile(join(program.folder, "versions.yaml"), "utf8")).toContain("version: v1.3.0");
    expect((await runTool(ctx, ["generate", "--check", "--config", join(program.folder, "versions.yaml")])).exitCode).toBe(EXIT.ok);
    const { stdout, exitCode } = await runTool(ctx, [
      "generate",
      "demo",
      "--diff",
      "v1.2.3",
      "--config",
      join(program.folder, "versions.yaml"),
    ]);
    expect(exitCode).toBe(EXIT.ok);
    expect(stdout).toContain("v1.2.3 → v1.3.0");
    expect(stdout).toContain(`modules removed (1):\n  ${MODULES.old.path} ${MODULES.old.version} (MIT)`);
  });

  it("--dry-run and --prefetch say what they do", async () => {
    await using program = await openTestProgram();
    const ctx = openContext(program.folder, program.env);
    const dry = await runTool(ctx, [...program.argv, "--dry-run"]);
    expect(dry.stdout).toContain("would write recipes-containers/demo/demo-go-mods.inc");
    expect(dry.stderr).toContain("modules.txt does not say which packages of 3 modules are linked");
    expect(await program.readRecipe()).toEqual({});
    const prefetch = [...program.argv, "--prefetch", join(program.folder, "downloads")];
    expect((await runTool(ctx, prefetch)).stdout).toContain("prefetched: 3 files written, 0 were there");
    expect((await runTool(ctx, prefetch)).stdout).toContain("prefetched: 0 files written, 3 were there");
    await expect(readFile(join(program.folder, "downloads", "example.com.Some.Capital.v2@v2.1.0-RC.1.zip"))).resolves.toBeDefined();
    // BitBake's own downloads serve the tool too: a cold cache, no proxy.
    const cold = openContext(program.folder, { ...program.env, XDG_CACHE_HOME: join(program.folder, "cold"), GOPROXY: "off" });
    expect((await runTool(cold, [...program.argv, "--downloads", join(program.folder, "downloads")])).exitCode).toBe(EXIT.ok);
  });

  it("--json gives data", async () => {
    await using program = await openTestProgram();
    const { stdout } = await runTool(openContext(program.folder, program.env), [...program.argv, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      program: "demo",
      modules: { zip: 3, git: 0, mod: 0 },
      licenses: ["MIT"],
      changed: expect.arrayContaining(["recipes-containers/demo/demo.lock.json"]) as unknown,
    });
  });
});
