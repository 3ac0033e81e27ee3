import type { Context } from "../core/context.ts";
import type { HostCheck } from "../host/host-need.ts";
import { planBuildFolders } from "./build-folders.ts";
import { judgeBuildHost } from "./judge-build-host.ts";
import { readBuildHost } from "./read-build-host.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { BUILD_HOSTS } from "./run-setup.ts";

/** Checks this host, and the network, for a build in the work folder (relative to the context's cwd; undefined: the usual one). */
export async function readBuildChecks(ctx: Context, workFolder: string | undefined): Promise<readonly HostCheck[]> {
  const folders = planBuildFolders({ layerFolder: LAYER_FOLDER, cwd: ctx.cwd, workFolder, machine: "qemux86-64" });
  return judgeBuildHost(await readBuildHost(ctx, folders.workFolder, BUILD_HOSTS));
}
