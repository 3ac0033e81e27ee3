import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import fastGlob from "fast-glob";
import { ConfigError } from "../core/errors.ts";
import type { KernelConfig, KernelNeed } from "./kernel-need.ts";
import { parseFragment } from "./parse-fragment.ts";
import { parseKernelConfig } from "./parse-kernel-config.ts";
import { selectModuleNames } from "./select-module-names.ts";

const FRAGMENTS = fileURLToPath(new URL("../../recipes-kernel/linux/k3s", import.meta.url));

/** Every need of every fragment of the layer, the only list there is. Throws ConfigError where one does not follow the grammar. */
export async function readKernelNeeds(folder = FRAGMENTS): Promise<readonly KernelNeed[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".cfg")).sort();
  const needs = await Promise.all(names.map(async (name) => parseFragment(await readFile(join(folder, name), "utf8"), name)));
  return needs.flat();
}

/** Decodes a .config that may be gzipped, as /proc/config.gz is (RFC 1952 magic 1f 8b). */
export function decodeConfig(bytes: Uint8Array): string {
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  return Buffer.from(plain).toString("utf8");
}

/** Reads a .config or config.gz. Throws ConfigError when it cannot be read or is none. */
export async function readKernelConfig(path: string): Promise<KernelConfig> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ConfigError(`cannot read the kernel configuration ${path}`, {
      cause,
      hint: "give the path of a .config or config.gz",
    });
  });
  return parseKernelConfig(decodeConfig(bytes), path);
}

/**
 * Names of the modules under a root filesystem's lib/modules (or usr/lib/modules): the .ko files, compressed or not, and those that modules.builtin
 * lists. Throws ConfigError when there is no such folder.
 */
export async function readModules(rootfs: string): Promise<ReadonlySet<string>> {
  const paths = await fastGlob(["lib/modules/*/**/*.ko*", "usr/lib/modules/*/**/*.ko*"], {
    cwd: rootfs,
    followSymbolicLinks: false,
  });
  const lists = await fastGlob(["lib/modules/*/modules.builtin", "usr/lib/modules/*/modules.builtin"], {
    cwd: rootfs,
    absolute: true,
  });
  if (paths.length === 0 && lists.length === 0) {
    throw new ConfigError(`${rootfs} has no lib/modules`, { hint: "give the folder of an unpacked root filesystem" });
  }
  const builtin = await Promise.all(lists.map((path) => readFile(path, "utf8")));
  return selectModuleNames([...paths, ...builtin.flatMap((text) => text.split("\n"))]);
}
