/** Architectures by the words of the fragments' grammar (recipes-kernel/linux/k3s/README.md). */
export type KernelArch = "x86-64" | "arm64" | "arm";

/** Where a need applies: every condition given must hold. */
export interface NeedConditions {
  readonly snapshotter?: readonly string[];
  readonly flannel?: readonly string[];
  readonly iptables?: readonly string[];
  readonly arch?: readonly string[];
  /** Kernel versions as [major, minor], both bounds inclusive. */
  readonly since?: readonly [number, number];
  readonly until?: readonly [number, number];
}

/** One stanza of a fragment: a symbol that k3s needs of a kernel, and why. */
export interface KernelNeed {
  /** With the prefix: "CONFIG_VXLAN". */
  readonly symbol: string;
  /** "n" means: neither y nor m. */
  readonly value: "y" | "m" | "n";
  /** With value "m": y will not do. */
  readonly exact: boolean;
  readonly level: "required" | "recommended";
  /** Names of the modules that must be there when the symbol is m, with "_". */
  readonly modules: readonly string[];
  readonly conditions: NeedConditions;
  readonly reason: string;
  /** File name of the fragment that sets it: "vxlan.cfg". */
  readonly fragment: string;
}

/** A kernel as it was configured. */
export interface KernelConfig {
  /** Values by symbol, as written: "y", "m", "n", "64", "\"string\"". */
  readonly values: ReadonlyMap<string, string>;
  /** From the head of the file; undefined where it has none. */
  readonly version: readonly [number, number] | undefined;
  readonly arch: KernelArch | undefined;
}

/** What the kernel is to serve. */
export interface KernelUse {
  readonly version: readonly [number, number];
  readonly arch: KernelArch;
  readonly snapshotter: string;
  readonly flannel: string;
  readonly iptables: string;
}

/** How a need stands in a kernel. */
export interface KernelFinding {
  readonly need: KernelNeed;
  readonly status: "met" | "unmet" | "module-missing";
  /** "is not set", "is y", "xt_comment.ko is not in the root filesystem". */
  readonly found: string;
}
