import { readdir } from "node:fs/promises";
import { isRunFolder } from "./open-report-folder.ts";

/** Names of the runs' folders in `folder`, the oldest first. Throws errors of node:fs, but not for a folder that is not there: then nothing has run. */
export async function readRunNames(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
  return names.filter(isRunFolder).sort();
}
