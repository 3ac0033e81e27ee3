import type { MachinePlan } from "../machine/machine.ts";

const READY_TIMEOUT_MS = 900_000;
/** An emulated Cortex-A15 took 18 minutes on half of two cores (docs/status.md). */
const EMULATED_ARM_TIMEOUT_MS = 2_400_000;

/** How long a run waits for all to be Ready where nobody says how long: milliseconds from power-on. */
export function planReadyTimeoutMs({ spec, accelerator }: Pick<MachinePlan, "spec" | "accelerator">): number {
  return spec.arch === "arm" && accelerator.kind === "tcg" ? EMULATED_ARM_TIMEOUT_MS : READY_TIMEOUT_MS;
}
