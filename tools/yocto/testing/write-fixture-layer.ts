import { cp, rename } from "node:fs/promises";
import { join } from "node:path";

/**
 * Makes a layer of tools/yocto/testdata in `folder`. There its layer.conf has another name: yocto-check-layer takes every folder with a conf/layer.conf below a
 * layer for a layer of its own (openembedded-core: scripts/lib/checklayer, detect_layers), and would judge the fixtures with this one.
 */
export async function writeFixtureLayer(source: string, folder: string): Promise<void> {
  await cp(source, folder, { recursive: true });
  await rename(join(folder, "conf/layer.conf.in"), join(folder, "conf/layer.conf"));
}
