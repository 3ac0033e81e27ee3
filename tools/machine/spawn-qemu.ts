import type { Launcher } from "./machine.ts";
import { openMachine } from "./open-machine.ts";
import { planQemuArgv } from "./plan-qemu-argv.ts";

/**
 * Starts QEMU directly: for machines without a build environment. The kernel of the host ends QEMU when this tool dies, however it dies
 * (PR_SET_PDEATHSIG, through ctx.exec.spawn).
 */
export const qemuLauncher: Launcher = {
  name: "qemu",
  launch: (ctx, plan) =>
    openMachine(ctx, {
      plan,
      launcher: "qemu",
      async start({ files, logPath }) {
        const argv = planQemuArgv({ qemuPath: plan.qemu.path, spec: plan.spec, accelerator: plan.accelerator, files });
        const process = await ctx.exec.spawn(argv, { outputFile: logPath });
        return { process, readPid: () => Promise.resolve(process.pid) };
      },
    }),
};
