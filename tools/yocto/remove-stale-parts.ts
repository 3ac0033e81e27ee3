import { access, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes what a run that was killed outright left in a folder: files and folders called NAME.PID.part whose process is gone. Those of runs under way
 * stay.
 */
export async function removeStaleParts(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const owner = /\.(\d+)\.part$/u.exec(name)?.[1];
    if (owner === undefined) continue;
    const alive = await access(`/proc/${owner}`).then(
      () => true,
      () => false,
    );
    if (!alive) await rm(join(folder, name), { recursive: true, force: true });
  }
}
