import { ConfigError } from "../core/errors.ts";
import type { KernelArch, KernelConfig } from "./kernel-need.ts";

const ARCHES: Readonly<Record<string, KernelArch>> = { x86: "x86-64", x86_64: "x86-64", arm64: "arm64", arm: "arm" };

/**
 * Parses a kernel's .config (scripts/kconfig/confdata.c writes it): `CONFIG_X=value` and `# CONFIG_X is not set`; version and
 * architecture from its head, "# Linux/arm64 6.12.57 Kernel Configuration". Throws ConfigError when the text is no .config.
 */
export function parseKernelConfig(text: string, source: string): KernelConfig {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const set = /^(CONFIG_\w+)=(.*)$/.exec(line);
    const unset = /^# (CONFIG_\w+) is not set$/.exec(line);
    if (set !== null) values.set(set[1] ?? "", set[2] ?? "");
    else if (unset !== null) values.set(unset[1] ?? "", "n");
  }
  if (values.size === 0) {
    throw new ConfigError(`${source} holds no kernel configuration`, {
      hint: "give a .config (or config.gz) as the kernel's build leaves it",
    });
  }
  const head = /^# Linux\/(\w+) (\d+)\.(\d+)\S* Kernel Configuration$/m.exec(text);
  const arch = head === null ? undefined : ARCHES[head[1] ?? ""];
  return { values, version: head === null ? undefined : [Number(head[2]), Number(head[3])], arch };
}
