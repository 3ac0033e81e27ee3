import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { CommandError, DownloadError, PreflightError } from "../core/errors.ts";
import { cacheFolderOf } from "../host/read-host-state.ts";
import { removeStaleParts } from "./remove-stale-parts.ts";

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

function noWay(reason: string, cause?: unknown): DownloadError {
  return new DownloadError(`kas is not installed yet, and --offline leaves no way to fetch it: ${reason}`, {
    hint: "run ./meta-k3s setup once without --offline, or give a folder with its wheels (PIP_FIND_LINKS), or a kas 5 of your own (META_K3S_KAS=/path/to/kas)",
    cause,
  });
}

async function fillEnvironment(ctx: Context, folder: string, requirements: string, offline: boolean): Promise<void> {
  const made = await ctx.exec.run(["python3", "-m", "venv", folder]);
  if (made.status !== 0) {
    throw new PreflightError("python3 cannot make a virtual environment for kas", {
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
      [...pip, "install", ...index, "--progress-bar", "off", "--require-hashes", "--only-binary", ":all:", "-r", requirements],
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
    if (offline) throw noWay(reason, error);
    throw new DownloadError(`cannot install kas: pip got nothing from ${host ?? "the Python package index"} (${reason})`, {
      hint: "give an index that can be reached (PIP_INDEX_URL), a folder of wheels (PIP_FIND_LINKS), or a kas 5 of your own (META_K3S_KAS=/path/to/kas)",
      cause: error,
    });
  }
}

/**
 * Gives the argv that starts the pinned kas (setup/python/kas.txt), installing it once into a private virtual environment below the cache
 * folder; pip verifies every file's hash. The environment variable META_K3S_KAS names another kas instead. With `offline` no index is asked.
 * Throws PreflightError when Python cannot make the environment, DownloadError when pip gets nothing.
 */
export async function fetchKas(ctx: Context, layerFolder: string, options: { offline?: boolean } = {}): Promise<readonly string[]> {
  const given = ctx.env["META_K3S_KAS"];
  if (given !== undefined && given !== "") return [given];
  const requirements = join(layerFolder, "setup/python/kas.txt");
  const python = await ctx.exec.run(["python3", "-c", "import sys; print(sys.version, sys.executable)"]);
  if (python.status !== 0) {
    throw new PreflightError("python3 cannot be run", {
      checks: [{ name: "python3", found: python.stderr.trim() || "not there", repair: "apt-get install -y python3 python3-venv" }],
    });
  }
  const key = createHash("sha256")
    .update(await readFile(requirements))
    .update(python.stdout)
    .digest("hex")
    .slice(0, 16);
  const folder = join(cacheFolderOf(ctx.env), `kas-${key}`);
  const argv = [join(folder, "bin/python"), "-m", "kas"];
  if (await isThere(argv[0] ?? "")) return argv;
  const offline = options.offline === true;
  if (offline && (ctx.env["PIP_FIND_LINKS"] ?? "") === "") throw noWay("there is no folder of wheels either");
  ctx.log.info("installing kas into a private Python environment (once)");
  const partial = `${folder}.${process.pid}.part`;
  await mkdir(cacheFolderOf(ctx.env), { recursive: true });
  await removeStaleParts(cacheFolderOf(ctx.env));
  try {
    await fillEnvironment(ctx, partial, requirements, offline);
    await rename(partial, folder);
  } catch (error) {
    // Another run may have been quicker: what it made is as good.
    if (!(await isThere(argv[0] ?? ""))) throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return argv;
}
