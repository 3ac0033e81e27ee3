import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import pMap from "p-map";
import type { Context } from "../core/context.ts";
import { IntegrityError } from "../core/errors.ts";
import type { ModuleStore } from "./open-module-store.ts";
import { formatDownloadName, formatModule, formatProxyPath } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";

/** What a prefetch did. */
export interface Prefetched {
  readonly written: number;
  readonly present: number;
  /** Modules from git: BitBake keeps whole repositories of them, which only it can make. */
  readonly leftToBitbake: number;
}

type PrefetchModule = ModuleVersion & {
  readonly source: { readonly kind: "zip" | "mod"; readonly sha256: string } | { readonly kind: "git" };
};

async function hashFile(path: string): Promise<string> {
  const digest = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), digest);
  return digest.digest("hex");
}

/**
 * Puts every module into BitBake's DL_DIR under the name its gomod fetcher looks for, so that do_fetch verifies it and asks no network. What is
 * there with the right content stays. Throws IntegrityError when the store's own copy is not what it was.
 */
export async function writePrefetched(
  ctx: Context,
  modules: readonly PrefetchModule[],
  { store, folder }: { readonly store: ModuleStore; readonly folder: string },
): Promise<Prefetched> {
  const downloads = resolve(ctx.cwd, folder);
  await mkdir(downloads, { recursive: true });
  let written = 0;
  let present = 0;
  await pMap(
    modules,
    async (module) => {
      if (module.source.kind === "git") return;
      const target = join(downloads, formatDownloadName(module, module.source.kind));
      if ((await stat(target).catch(() => undefined)) !== undefined && (await hashFile(target)) === module.source.sha256) {
        present += 1;
        return;
      }
      const from =
        module.source.kind === "zip"
          ? store.zipPath(module.source.sha256)
          : join(store.folder("gomods"), formatProxyPath(module, "mod"));
      await placeVerified(from, target, module.source.sha256, module);
      written += 1;
    },
    { concurrency: 4, signal: ctx.signal },
  );
  return { written, present, leftToBitbake: modules.filter((module) => module.source.kind === "git").length };
}

async function placeVerified(from: string, target: string, sha256: string, module: ModuleVersion): Promise<void> {
  if ((await hashFile(from)) !== sha256) {
    throw new IntegrityError(`${formatModule(module)}: the cache's copy at ${from} is damaged`, {
      hint: "remove that file and run the command again",
    });
  }
  const partial = `${target}.${randomBytes(6).toString("hex")}.part`;
  try {
    await link(from, partial).catch(() => copyFile(from, partial));
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}
