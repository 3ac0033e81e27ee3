import type { MachineOptions } from "../machine/plan-machine.ts";
import type { Defect } from "./scenario.ts";

/** What was, without what something new of the same key replaces, and then what is new. */
function merge<T>(was: readonly T[] = [], added: readonly T[] = [], keyOf: (item: T) => string): readonly T[] {
  const replaced = new Set(added.map(keyOf));
  return [...was.filter((item) => !replaced.has(keyOf(item))), ...added];
}

/** The options of a machine with a defect's changes over them: lists are added to, single values, files and credentials of one name replaced. */
export function planGuestOptions(name: string, options: MachineOptions, defect: Defect | undefined): MachineOptions {
  if (defect === undefined) return { name, ...options };
  const planted = defect.machine(name);
  return {
    name,
    ...options,
    ...planted,
    kernelArguments: [...(options.kernelArguments ?? []), ...(planted.kernelArguments ?? [])],
    handOver: {
      files: merge(options.handOver?.files, planted.handOver?.files, (file) => file.path),
      credentials: merge(options.handOver?.credentials, planted.handOver?.credentials, (credential) => credential.name),
    },
  };
}
