import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../tools/core/context.ts";
import type { Privilege } from "./open-privilege.ts";
import type { QemuPlan } from "./plan-qemu.ts";
import { runMmdebstrap } from "./run-mmdebstrap.ts";

/** Folder of a built QEMU that holds the programs to call. */
export const QEMU_PROGRAMS = "bin";

/** Makes a QEMU of its own in `dir`. Throws what runMmdebstrap throws, and CommandError when what was made does not start. */
export async function buildQemu(ctx: Context, plan: QemuPlan, where: { dir: string; privilege: Privilege }): Promise<void> {
  const { dir, privilege } = where;
  const archive = join(dir, "packages.tar");
  await runMmdebstrap(ctx, { options: plan.options, output: archive, privilege });
  // Owners do not matter here, so that an ordinary user can unpack it.
  await ctx.exec.runCheck(["tar", "-x", "-f", archive, "-C", dir, "--no-same-owner", "--wildcards", ...plan.kept]);
  await rm(archive, { force: true });
  const program = join(dir, QEMU_PROGRAMS, plan.program.name);
  await mkdir(join(dir, QEMU_PROGRAMS));
  await writeFile(program, plan.program.content, { mode: 0o755 });
  await ctx.exec.runCheck([program, "--version"], { timeoutMs: 60_000 });
}
