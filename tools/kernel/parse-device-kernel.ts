import { ConfigError } from "../core/errors.ts";
import type { KernelArch, KernelConfig } from "./kernel-need.ts";
import { parseKernelConfig } from "./parse-kernel-config.ts";
import { selectModuleNames } from "./select-module-names.ts";

/** A running kernel, as its device tells it. */
export interface DeviceKernel {
  /** Where the configuration was found on the device: "/proc/config.gz". */
  readonly configPath: string;
  readonly config: KernelConfig;
  readonly version: readonly [number, number];
  readonly arch: KernelArch;
  /** Names (with "_") of the modules below /lib/modules of this release or built into the kernel. */
  readonly modules: ReadonlySet<string>;
  /** The kind of the device's iptables command; undefined where there is none that says it. */
  readonly iptables: "nft" | "legacy" | undefined;
}

/** What `uname -m` says (arch/<arch>/Makefile's UTS_MACHINE) on the architectures that k3s is built for. */
const MACHINES: Readonly<Record<string, KernelArch>> = {
  x86_64: "x86-64",
  aarch64: "arm64",
  armv6l: "arm",
  armv7l: "arm",
  armv8l: "arm",
};

function selectSections(dump: string): ReadonlyMap<string, { readonly argument: string; readonly lines: string[] }> {
  const sections = new Map<string, { argument: string; lines: string[] }>();
  let current: string[] | undefined;
  for (const line of dump.split("\n")) {
    const mark = /^@(release|machine|iptables|config|modules)(?: (.*))?$/u.exec(line);
    if (mark === null) current?.push(line);
    else {
      current = [];
      sections.set(mark[1] ?? "", { argument: mark[2] ?? "", lines: current });
    }
  }
  return sections;
}

function parseIptables(text: string): "nft" | "legacy" | undefined {
  // "iptables v1.8.13 (nf_tables)" (iptables(8)); before 1.8 there was one kind, and it said none.
  const match = /^iptables v[\d.]+(?: \((nf_tables|legacy)\))?/u.exec(text);
  if (match === null) return undefined;
  return match[1] === "nf_tables" ? "nft" : "legacy";
}

/**
 * Parses what `readDeviceKernel` makes a device print: `@release`, `@machine` and `@iptables` with a value, `@config PATH` with the configuration's
 * text, `@modules` with a path in a line. Throws ConfigError when the device does not tell its configuration or is no architecture of k3s's.
 */
export function parseDeviceKernel(dump: string, device: string): DeviceKernel {
  const sections = selectSections(dump);
  const release = sections.get("release")?.argument ?? "";
  const machine = sections.get("machine")?.argument ?? "";
  const config = sections.get("config");
  if (config === undefined) {
    throw new ConfigError(`${device} does not tell the configuration of its kernel ${release}`, {
      hint: "build the kernel with CONFIG_IKCONFIG_PROC=y, or give the .config it was built with: ./meta-k3s kernel check FILE",
    });
  }
  const parsed = parseKernelConfig(config.lines.join("\n"), `${device}:${config.argument}`);
  const numbers = /^(\d+)\.(\d+)/u.exec(release);
  const arch = parsed.arch ?? MACHINES[machine];
  if (numbers === null || arch === undefined) {
    throw new ConfigError(`${device} runs Linux ${release} on ${machine}, for which k3s is not built`, {
      hint: "k3s runs on x86_64, aarch64 and 32-bit arm",
    });
  }
  return {
    configPath: config.argument,
    config: parsed,
    version: [Number(numbers[1]), Number(numbers[2])],
    arch,
    modules: selectModuleNames(sections.get("modules")?.lines ?? []),
    iptables: parseIptables(sections.get("iptables")?.argument ?? ""),
  };
}
