import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { CommandError, DownloadError, PreflightError } from "../core/errors.ts";
import { cacheFolderOf } from "../host/read-host-state.ts";
import { removeStaleParts } from "./remove-stale-parts.ts";

/** Programs from PyPI that are installed together. */
export interface PythonPrograms {
  /** What the messages and the folder in the cache call them. */
  readonly name: string;
  /** pip's requirements file, every file of every package with its hash. */
  readonly requirements: string;
  /** What can be given in their place, as the end of a hint; none where nothing can. */
  readonly instead?: string;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** pip names the index that it was told to use, and newer ones name in their retries the host that they could not reach. */
function hostIn(line: string): string | undefined {
  return (
    /^Looking in indexes: https?:\/\/(?:[^/@\s]*@)?([^/:\s,]+)/u.exec(line) ?? /^WARNING: Retrying .*host='([^']+)'/u.exec(line)
  )?.[1];
}

function otherWays(ways: readonly string[], { instead }: PythonPrograms): string {
  const all = instead === undefined ? ways : [...ways, instead];
  return all.length === 1 ? all.join("") : `${all.slice(0, -1).join(", ")}, or ${all.at(-1) ?? ""}`;
}

function noWay(programs: PythonPrograms, reason: string, cause?: unknown): DownloadError {
  const online = "run ./meta-k3s setup once without --offline";
  return new DownloadError(`${programs.name} is not installed yet, and --offline leaves no way to fetch it: ${reason}`, {
    hint: otherWays([online, "give a folder with its wheels (PIP_FIND_LINKS)"], programs),
    cause,
  });
}

async function fillEnvironment(ctx: Context, folder: string, programs: PythonPrograms, offline: boolean): Promise<void> {
  const made = await ctx.exec.run(["python3", "-m", "venv", folder]);
  if (made.status !== 0) {
    throw new PreflightError(`python3 cannot make a virtual environment for ${programs.name}`, {
      checks: [{ name: "python3-venv", found: `${made.stdout}${made.stderr}`.trim(), repair: "apt-get install -y python3-venv" }],
      hint: "./meta-k3s doctor --build shows all that a build needs",
    });
  }
  const pip = [join(folder, "bin/python"), "-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "15"];
  // Folders of wheels (PIP_FIND_LINKS) still count.
  const index = offline ? ["--no-index"] : [];
  let host: string | undefined;
  try {
    await ctx.exec.runCheck(
      [
        ...pip,
        "install",
        ...index,
        "--progress-bar",
        "off",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        programs.requirements,
      ],
      {
        onLine: (line) => {
          host ??= hostIn(line);
          ctx.log.debug(line);
        },
      },
    );
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const reason = error.outputTail.split("\n").findLast((line) => line.startsWith("ERROR:")) ?? error.message;
    if (offline) throw noWay(programs, reason, error);
    throw new DownloadError(
      `cannot install ${programs.name}: pip got nothing from ${host ?? "the Python package index"} (${reason})`,
      {
        hint: otherWays(["give an index that can be reached (PIP_INDEX_URL)", "a folder of wheels (PIP_FIND_LINKS)"], programs),
        cause: error,
      },
    );
  }
}

/**
 * Installs programs once into a private virtual environment below the cache folder, where pip verifies every file's hash, and gives the path of
 * the Python that runs them. With `offline` no index is asked. Throws PreflightError when Python cannot make the environment, DownloadError when
 * pip gets nothing.
 */
export async function fetchPythonPrograms(
  ctx: Context,
  programs: PythonPrograms,
  options: { offline?: boolean } = {},
): Promise<string> {
  const python = await ctx.exec.run(["python3", "-c", "import sys; print(sys.version, sys.executable)"]);
  if (python.status !== 0) {
    throw new PreflightError("python3 cannot be run", {
      checks: [{ name: "python3", found: python.stderr.trim() || "not there", repair: "apt-get install -y python3 python3-venv" }],
    });
  }
  const key = createHash("sha256")
    .update(await readFile(programs.requirements))
    .update(python.stdout)
    .digest("hex")
    .slice(0, 16);
  const folder = join(cacheFolderOf(ctx.env), `${programs.name}-${key}`);
  const command = join(folder, "bin/python");
  if (await isThere(command)) return command;
  const offline = options.offline === true;
  if (offline && (ctx.env["PIP_FIND_LINKS"] ?? "") === "") throw noWay(programs, "there is no folder of wheels either");
  ctx.log.info(`installing ${programs.name} into a private Python environment (once)`);
  const partial = `${folder}.${process.pid}.part`;
  await mkdir(cacheFolderOf(ctx.env), { recursive: true });
  await removeStaleParts(cacheFolderOf(ctx.env));
  try {
    await fillEnvironment(ctx, partial, programs, offline);
    await rename(partial, folder);
  } catch (error) {
    // Another run may have been quicker: what it made is as good.
    if (!(await isThere(command))) throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return command;
}
