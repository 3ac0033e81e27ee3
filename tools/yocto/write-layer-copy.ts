import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../core/context.ts";

/** The files of a repository that git has or would add, as paths in it. Throws CommandError where the folder is no clone. */
export async function readRepositoryFiles(ctx: Context, folder: string): Promise<readonly string[]> {
  const git = ["git", "-C", folder, "ls-files", "--deduplicate"];
  const { stdout } = await ctx.exec.runCheck([...git, "--cached", "--others", "--exclude-standard"]);
  const removed = await ctx.exec.runCheck([...git, "--deleted"]);
  const gone = new Set(removed.stdout.split("\n"));
  return stdout.split("\n").filter((path) => path !== "" && !gone.has(path));
}

/** Makes `copy` the layer as its users get it: without what was installed or built in the clone. Throws CommandError where it is no clone. */
export async function writeLayerCopy(ctx: Context, layerFolder: string, copy: string): Promise<void> {
  await rm(copy, { recursive: true, force: true });
  for (const path of await readRepositoryFiles(ctx, layerFolder)) await cp(join(layerFolder, path), join(copy, path));
}
