import type { KernelConfig, KernelFinding, KernelNeed, KernelUse } from "./kernel-need.ts";

function compareVersions(left: readonly [number, number], right: readonly [number, number]): number {
  return left[0] - right[0] || left[1] - right[1];
}

/** Whether a need applies to what the kernel is to serve. */
export function appliesTo(need: KernelNeed, use: KernelUse): boolean {
  const { since, until, ...lists } = need.conditions;
  if (since !== undefined && compareVersions(use.version, since) < 0) return false;
  if (until !== undefined && compareVersions(use.version, until) > 0) return false;
  const facts: Readonly<Record<string, string>> = {
    snapshotter: use.snapshotter,
    flannel: use.flannel,
    iptables: use.iptables,
    arch: use.arch,
  };
  return Object.entries(lists).every(([name, allowed]) => allowed.includes(facts[name] ?? ""));
}

function isMet(need: KernelNeed, value: string | undefined): boolean {
  switch (need.value) {
    case "n":
      return value !== "y" && value !== "m";
    case "y":
      return value === "y";
    case "m":
      return value === "m" || (value === "y" && !need.exact);
  }
}

/**
 * Judges a kernel against the needs that apply. `modules` are the names (with "_") of the modules in the root filesystem or built in; undefined
 * when there is no root filesystem to look at, and then only the configuration is judged.
 */
export function judgeKernel(
  needs: readonly KernelNeed[],
  kernel: { config: KernelConfig; modules: ReadonlySet<string> | undefined },
  use: KernelUse,
): readonly KernelFinding[] {
  return needs
    .filter((need) => appliesTo(need, use))
    .map((need): KernelFinding => {
      const value = kernel.config.values.get(need.symbol);
      const shown = value === undefined || value === "n" ? "is not set" : `is ${value}`;
      if (!isMet(need, value)) return { need, status: "unmet", found: shown };
      const absent =
        value === "y" || kernel.modules === undefined ? [] : need.modules.filter((name) => kernel.modules?.has(name) !== true);
      if (absent.length === 0) return { need, status: "met", found: shown };
      return {
        need,
        status: "module-missing",
        found: `${absent.map((name) => `${name}.ko`).join(", ")} not in the root filesystem`,
      };
    });
}
