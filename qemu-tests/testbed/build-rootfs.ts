import { stat } from "node:fs/promises";
import { machine } from "node:os";
import { join } from "node:path";
import type { Context } from "../../tools/core/context.ts";
import type { Privilege } from "./open-privilege.ts";
import type { TestbedArchitecture } from "./plan-architecture.ts";
import type { RootfsPlan } from "./plan-rootfs.ts";
import { runMmdebstrap } from "./run-mmdebstrap.ts";

const BINFMT = "/proc/sys/fs/binfmt_misc";

/**
 * Sees to it that programs of a foreign architecture run here: in containers binfmt_misc is often not mounted, so what qemu-user-static
 * registered at its installation never reached the kernel. Says what it does; where it may not, mmdebstrap will tell.
 */
async function openForeign(ctx: Context, architecture: TestbedArchitecture, privilege: Privilege): Promise<void> {
  if (privilege.kind === "namespace") return;
  if (architecture.unameMachines.includes(machine())) return;
  const registered = await stat(join(BINFMT, architecture.qemuUser)).catch(() => undefined);
  if (registered !== undefined) return;
  ctx.log.info(`telling the kernel to run ${architecture.debian} programs with ${architecture.qemuUser} (binfmt_misc)`);
  const mounted = await stat(join(BINFMT, "register")).catch(() => undefined);
  if (mounted === undefined) await ctx.exec.run([...privilege.prefix, "mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT]);
  await ctx.exec.run([...privilege.prefix, "update-binfmts", "--enable", architecture.qemuUser]);
}

/** Makes rootfs.tar in `dir`: Debian packages only, no host's or run's own files. Throws what runMmdebstrap throws. */
export async function buildRootfs(
  ctx: Context,
  architecture: TestbedArchitecture,
  where: { plan: RootfsPlan; dir: string; privilege: Privilege },
): Promise<void> {
  const { plan, dir, privilege } = where;
  await openForeign(ctx, architecture, privilege);
  await runMmdebstrap(ctx, { options: plan.options, output: join(dir, "rootfs.tar"), privilege });
}
