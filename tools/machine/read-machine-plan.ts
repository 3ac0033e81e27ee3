import type { Context } from "../core/context.ts";
import type { MachinePlan } from "./machine.ts";
import type { MachineOptions } from "./plan-machine.ts";
import { planMachine } from "./plan-machine.ts";
import { probeKvm } from "./probe-kvm.ts";
import { readHostFacts } from "./read-host-facts.ts";
import { readQemuboot } from "./read-qemuboot.ts";

/**
 * From a `*.qemuboot.conf` to a plan, with everything looked at that the decisions need: the image's files, the host, and, unless the
 * user chose, whether KVM works. Says once how the guest will run. Throws what readQemuboot and planMachine throw.
 */
export async function readMachinePlan(
  ctx: Context,
  options: { path: string; fsType?: string | undefined; machine: MachineOptions },
): Promise<MachinePlan> {
  const image = await readQemuboot(ctx, { path: options.path, fsType: options.fsType });
  const host = await readHostFacts(ctx, { arch: image.qemuboot.arch, nativeFolder: image.nativeFolder });
  const kvm = options.machine.accelerator === "tcg" ? { usable: false, reason: "not tried" } : await probeKvm(ctx, { image, host });
  const plan = planMachine({ image, options: options.machine, host, kvm });
  const how = plan.accelerator.kind === "kvm" ? "KVM" : "emulation (TCG), which is several times slower";
  ctx.log.info(`${plan.spec.name}: QEMU ${plan.qemu.version} with ${how}: ${plan.accelerator.reason}`);
  for (const warning of plan.warnings) ctx.log.warn(warning);
  return plan;
}
