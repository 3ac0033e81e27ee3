import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import fastGlob from "fast-glob";
import { ConfigError } from "../core/errors.ts";
import type { Artefacts } from "./build-result.ts";
import { buildResultSchema } from "./build-result.ts";
import type { BuildResult } from "./build-result.ts";

const CONF = ".qemuboot.conf";
/** Root filesystem images that QEMU boots from (openembedded-core, IMAGE_FSTYPES of the QEMU machines). */
const IMAGE_TYPES = ["ext4", "wic", "wic.qcow2", "ext4.zst", "wic.zst"];

async function readImages(conf: string): Promise<Artefacts["images"]> {
  const stem = basename(conf).slice(0, -CONF.length);
  const found = await Promise.all(
    IMAGE_TYPES.map(async (type) => {
      const path = join(dirname(conf), `${stem}.${type}`);
      const info = await stat(path).catch(() => undefined);
      return info === undefined ? [] : [{ path, bytes: info.size }];
    }),
  );
  return found.flat();
}

/**
 * Finds the newest image of a machine below a build folder: the qemuboot.conf that was written last in any deploy/images/MACHINE (of `image`
 * only, where given), and the root filesystem images of the same name. Throws ConfigError when there is none.
 */
export async function findArtefacts(options: {
  buildFolder: string;
  machine: string;
  image?: string | undefined;
}): Promise<Artefacts> {
  const { buildFolder, machine, image } = options;
  const pattern = `tmp*/**/deploy/images/${machine}/${image === undefined ? "*" : `${image}-${machine}*`}${CONF}`;
  const shallow = `tmp*/deploy/images/${machine}/${image === undefined ? "*" : `${image}-${machine}*`}${CONF}`;
  const found = await fastGlob([shallow, pattern], { cwd: buildFolder, absolute: true, deep: 5, unique: true });
  const entries = await Promise.all(
    found.map(async (path) => ({ path, linked: (await realpath(path)) !== path, writtenAtMs: (await stat(path)).mtimeMs })),
  );
  // Of one image's dated file and the link without a date that points to it, the link is the name to use.
  const [newest] = entries.sort((a, b) => b.writtenAtMs - a.writtenAtMs || Number(b.linked) - Number(a.linked));
  if (newest === undefined) {
    throw new ConfigError(`there is no image${image === undefined ? "" : ` ${image}`} of ${machine} below ${buildFolder}`, {
      hint: `./meta-k3s build ${machine}`,
    });
  }
  return {
    deployFolder: dirname(newest.path),
    qemuboot: newest.path,
    images: await readImages(newest.path),
    writtenAtMs: newest.writtenAtMs,
  };
}

/** Reads what `build` wrote of a machine; undefined when it was never built, or by another version. */
export async function readBuildResult(resultFile: string): Promise<BuildResult | undefined> {
  const text = await readFile(resultFile, "utf8").catch(() => undefined);
  return text === undefined ? undefined : buildResultSchema.safeParse(JSON.parse(text)).data;
}
