import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { fetchPythonPrograms } from "./fetch-python-programs.ts";

/**
 * Gives the argv that starts the pinned kas (setup/python/kas.txt), installing it once into a private virtual environment below the cache
 * folder; pip verifies every file's hash. The environment variable META_K3S_KAS names another kas instead. With `offline` no index is asked.
 * Throws PreflightError when Python cannot make the environment, DownloadError when pip gets nothing.
 */
export async function fetchKas(ctx: Context, layerFolder: string, options: { offline?: boolean } = {}): Promise<readonly string[]> {
  const given = ctx.env["META_K3S_KAS"];
  if (given !== undefined && given !== "") return [given];
  const requirements = join(layerFolder, "setup/python/kas.txt");
  const instead = "a kas 5 of your own (META_K3S_KAS=/path/to/kas)";
  return [await fetchPythonPrograms(ctx, { name: "kas", requirements, instead }, options), "-m", "kas"];
}
