import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openPromise } from "yauzl";
import { formatModule } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";

/**
 * Unpacks a module's zip, which readModuleZip has checked, so that `folder` holds the module's root. Does nothing when the folder is there
 * already; makes it whole or not at all.
 */
export async function unpackModuleZip(zipPath: string, module: ModuleVersion, folder: string): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) !== undefined) return;
  await mkdir(dirname(folder), { recursive: true });
  const partial = await mkdtemp(`${folder}.`);
  try {
    await unpackInto(zipPath, `${formatModule(module)}/`, partial);
    await rename(partial, folder).catch(async (error: unknown) => {
      // Another run was first, with the same bytes.
      if ((await stat(folder).catch(() => undefined)) === undefined) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function unpackInto(zipPath: string, prefix: string, folder: string): Promise<void> {
  // yauzl itself refuses absolute names and those with "..".
  const zip = await openPromise(zipPath, { lazyEntries: true, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      if (!entry.fileName.startsWith(prefix) || entry.fileName.endsWith("/")) continue;
      const path = join(folder, entry.fileName.slice(prefix.length));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await zip.openReadStreamPromise(entry), { flag: "wx" });
    }
  } finally {
    zip.close();
  }
}
