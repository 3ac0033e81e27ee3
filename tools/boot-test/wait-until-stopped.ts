import type { Context } from "../core/context.ts";
import type { Machine, MachineExit } from "../machine/machine.ts";

/** Waits until the user asks to stop (undefined) or the machine ends by itself (how it ended). */
export async function waitUntilStopped(
  ctx: Pick<Context, "signal">,
  machine: Pick<Machine, "exited">,
): Promise<MachineExit | undefined> {
  const stopped = new Promise<undefined>((resolve) => {
    if (ctx.signal.aborted) resolve(undefined);
    ctx.signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  return Promise.race([stopped, machine.exited]);
}
