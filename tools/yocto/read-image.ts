import { access } from "node:fs/promises";
import { resolve } from "node:path";
import type { Context } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import { MACHINES } from "./build-choice.ts";
import type { MachineName } from "./build-choice.ts";
import { planBuildFolders } from "./build-folders.ts";
import { findArtefacts, readBuildResult } from "./find-artefacts.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { readRunqemuEnvironment } from "./read-runqemu-environment.ts";
import type { RunqemuEnvironment } from "./read-runqemu-environment.ts";

/** An image to boot, and OE's runqemu where it comes from a build of this tool. */
export interface ImageToBoot {
  readonly qemubootPath: string;
  readonly runqemu: RunqemuEnvironment | undefined;
}

function isMachine(word: string): word is MachineName {
  return (MACHINES as readonly string[]).includes(word);
}

/**
 * Finds what `boot` and `test` are told to boot: a machine's name is the newest image that was built of it (the one of result.json first), anything else
 * a qemuboot.conf. Throws ConfigError when there is none.
 */
export async function readImage(ctx: Context, image: string, workFolder: string | undefined): Promise<ImageToBoot> {
  if (!isMachine(image)) return { qemubootPath: resolve(ctx.cwd, image), runqemu: undefined };
  const folders = planBuildFolders({ layerFolder: LAYER_FOLDER, cwd: ctx.cwd, workFolder, machine: image });
  const result = await readBuildResult(folders.resultFile);
  const built = result?.artefacts?.qemuboot;
  const there =
    built !== undefined &&
    (await access(built).then(
      () => true,
      () => false,
    ));
  const qemubootPath = there ? built : (await findArtefacts({ buildFolder: folders.buildFolder, machine: image })).qemuboot;
  const runqemu = await readRunqemuEnvironment(ctx, folders, LAYER_FOLDER);
  if (runqemu === undefined)
    throw new ConfigError(`${folders.workFolder} has no OpenEmbedded to run runqemu from`, { hint: `./meta-k3s setup ${image}` });
  return { qemubootPath, runqemu };
}
