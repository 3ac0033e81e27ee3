import type { Context, Env } from "../core/context.ts";
import { CommandError } from "../core/errors.ts";
import type { BuildFolders } from "./build-folders.ts";
import { fetchKas } from "./fetch-kas.ts";
import { runKas } from "./run-kas.ts";
import { planKasEnv } from "./run-setup.ts";

/** Printed by the shell that kas starts, so that what kas itself prints before it does not count. */
const MARK = "== environment ==";

/**
 * The environment in which BitBake runs: what `kas shell` gives after oe-init-build-env, nothing of the caller's own. Needs a folder that
 * `setup` made. Throws CommandError when kas fails.
 */
export async function readBuildEnvironment(ctx: Context, folders: BuildFolders, layerFolder: string): Promise<Env> {
  const kas = await fetchKas(ctx, layerFolder);
  const argv = [...kas, "shell", "--keep-config-unchanged", "-c", `printf '%s\\0' '${MARK}'; env -0`, folders.kasFile];
  const result = await runKas(ctx, argv, { env: planKasEnv(folders) });
  const entries = result.stdout.split("\0");
  const start = entries.findIndex((entry) => entry.endsWith(MARK));
  if (result.status !== 0 || start < 0) {
    throw new CommandError(`kas cannot open ${folders.buildFolder}`, {
      argv,
      status: result.status,
      signalName: result.signalName,
      outputTail: result.stderr.trim().split("\n").slice(-15).join("\n"),
      hint: "run ./meta-k3s setup for this machine again",
    });
  }
  const variables = Object.fromEntries(
    entries.slice(start + 1).flatMap((entry) => {
      const split = entry.indexOf("=");
      return split < 1 ? [] : [[entry.slice(0, split), entry.slice(split + 1)]];
    }),
  );
  // kas gives its programs a home of their own, which is gone when kas is.
  return { ...variables, HOME: ctx.env["HOME"] };
}

/** Takes every variable of the caller's environment away and puts the build's in its place. */
export function replaceEnvironment(caller: Env, build: Env): Env {
  return { ...Object.fromEntries(Object.keys(caller).map((name) => [name, undefined])), ...build };
}
