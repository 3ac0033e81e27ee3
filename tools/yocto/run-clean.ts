import { rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "../core/context.ts";
import { PreflightError } from "../core/errors.ts";
import { MACHINES } from "./build-choice.ts";
import type { CleanStep } from "./plan-clean.ts";
import { readServerPids } from "./wait-bitbake-server.ts";

/**
 * Removes what a plan names, each renamed first, so that nothing half removed is ever taken for whole. Gives what was there. Throws PreflightError while
 * BitBake works in the folder.
 */
export async function runClean(
  ctx: Context,
  options: { workFolder: string; steps: readonly CleanStep[] },
): Promise<readonly CleanStep[]> {
  for (const machine of MACHINES) {
    const pids = await readServerPids(join(options.workFolder, machine));
    if (pids.length === 0) continue;
    throw new PreflightError(`BitBake is working in ${join(options.workFolder, machine)} (process ${pids[0]})`, {
      hint: "stop the build first (Ctrl-C in its terminal), or run bitbake -m in its environment",
    });
  }
  const removed: CleanStep[] = [];
  for (const step of options.steps) {
    const there = await stat(step.path).catch(() => undefined);
    if (there === undefined) continue;
    ctx.log.info(`removing ${step.path} (${step.what})`);
    const aside = join(dirname(step.path), `.removed-${process.pid}-${ctx.clock.nowMs()}`);
    await rename(step.path, aside);
    await rm(aside, { recursive: true, force: true });
    removed.push(step);
  }
  return removed;
}
