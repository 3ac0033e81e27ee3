import type { MachineOptions } from "../machine/plan-machine.ts";
import type { Defect } from "./scenario.ts";

/** The options of a machine with a defect's changes over them: lists are added to, single values replaced. */
export function planGuestOptions(name: string, options: MachineOptions, defect: Defect | undefined): MachineOptions {
  if (defect === undefined) return { name, ...options };
  const planted = defect.machine(name);
  return {
    name,
    ...options,
    ...planted,
    kernelArguments: [...(options.kernelArguments ?? []), ...(planted.kernelArguments ?? [])],
    handOver: {
      files: [...(options.handOver?.files ?? []), ...(planted.handOver?.files ?? [])],
      credentials: [...(options.handOver?.credentials ?? []), ...(planted.handOver?.credentials ?? [])],
    },
  };
}
