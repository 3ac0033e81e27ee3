import { access } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import type { Context, Env } from "../core/context.ts";
import { CommandError } from "../core/errors.ts";
import type { BuildFolders } from "./build-folders.ts";
import { readPins } from "./read-pins.ts";

/** OpenEmbedded's runqemu and the environment that it wants to be run in. */
export interface RunqemuEnvironment {
  readonly runqemuPath: string;
  /** The caller's environment as oe-init-build-env leaves it: PATH with BitBake and the scripts, BUILDDIR. */
  readonly environment: Env;
}

/**
 * Sources oe-init-build-env for a machine's build folder, as a person would before `runqemu`. undefined where the build folder or its sources are not
 * there. Throws CommandError when the script fails.
 */
export async function readRunqemuEnvironment(
  ctx: Context,
  folders: BuildFolders,
  layerFolder: string,
): Promise<RunqemuEnvironment | undefined> {
  const pin = (await readPins(layerFolder)).find((entry) => entry.name === "openembedded-core");
  const core = join(folders.workFolder, pin?.path ?? "sources/openembedded-core");
  const runqemuPath = join(core, "scripts/runqemu");
  const ready = await Promise.all([runqemuPath, join(folders.buildFolder, "conf/local.conf")].map((path) => access(path))).then(
    () => true,
    () => false,
  );
  if (!ready) return undefined;
  // oe-init-build-env changes the shell that sources it, which is why it takes a shell to learn what it does.
  const shell = $({ cwd: core, env: { ...ctx.env }, signal: ctx.signal, nothrow: true, quiet: true, prefix: "" });
  const result = await shell`. ./oe-init-build-env ${folders.buildFolder} >/dev/null && env -0`;
  if (result.exitCode !== 0) {
    throw new CommandError(`oe-init-build-env refuses ${folders.buildFolder}`, {
      argv: [join(core, "oe-init-build-env"), folders.buildFolder],
      status: result.exitCode ?? undefined,
      outputTail: result.stderr,
      hint: "run ./meta-k3s setup for this machine again",
    });
  }
  const entries = result.stdout.split("\0").filter((entry) => entry.includes("="));
  const environment = Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
  return { runqemuPath, environment };
}
