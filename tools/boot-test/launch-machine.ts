import type { Context } from "../core/context.ts";
import type { Machine, MachinePlan } from "../machine/machine.ts";
import { qemuLauncher } from "../machine/spawn-qemu.ts";
import { openRunqemuLauncher } from "../machine/spawn-runqemu.ts";
import type { BootOptions } from "./boot-test.ts";

/** Powers the planned machine on with the launcher asked for. Errors are the launcher's. */
export async function launchMachine(
  ctx: Context,
  plan: MachinePlan,
  options: Pick<BootOptions, "launcher" | "runqemuPath" | "runqemuEnvironment">,
): Promise<Machine> {
  const { runqemuPath: path, runqemuEnvironment: environment } = options;
  const launcher = options.launcher === "qemu" ? qemuLauncher : await openRunqemuLauncher(ctx, { path, environment });
  return launcher.launch(ctx, plan);
}
