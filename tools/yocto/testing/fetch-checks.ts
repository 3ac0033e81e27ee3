import { join } from "node:path";
import type { Context } from "../../core/context.ts";
import { fetchPythonPrograms } from "../fetch-python-programs.ts";
import { LAYER_FOLDER } from "../read-build-request.ts";

/**
 * The Python that has BitBake's library and bitbake-setup (wheel `bitbake-setup`) and oelint-adv, as setup/python/checks.txt pins them. Throws
 * PreflightError or DownloadError when they cannot be had.
 */
export async function fetchChecks(ctx: Context): Promise<string> {
  return fetchPythonPrograms(ctx, { name: "checks", requirements: join(LAYER_FOLDER, "setup/python/checks.txt") });
}
