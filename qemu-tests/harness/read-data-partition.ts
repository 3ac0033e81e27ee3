import { readFile } from "node:fs/promises";
import { join } from "node:path";

const FILES = join(import.meta.dirname, "../../recipes-core/k3s-data-partition/files");

/** Where the recipe puts the script. */
export const PREPARE_PATH = "/usr/libexec/k3s/prepare-data-partition";

/** The layer's own script for a data partition, with words in the places that its recipe fills. */
export async function readPrepareScript(words: { readonly partition: string; readonly snapshotter: string }): Promise<string> {
  const text = await readFile(join(FILES, "prepare-data-partition"), "utf8");
  return text.replaceAll("@partition@", words.partition).replaceAll("@snapshotter@", words.snapshotter);
}

/** systemd's name for a device's unit (systemd-escape --path): "/dev/disk/by-partlabel/k3s-data" as "dev-disk-by\x2dpartlabel-k3s\x2ddata.device". */
export function formatDeviceUnit(path: string): string {
  const escaped = path
    .replace(/^\//u, "")
    .replaceAll(/[^A-Za-z0-9:_./]/gu, (char) => String.raw`\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `${escaped.replaceAll("/", "-")}.device`;
}

/** The unit that runs the script, as the recipe installs it. */
export async function readDataPartitionUnit(partition: string): Promise<string> {
  const text = await readFile(join(FILES, "k3s-data-partition.service"), "utf8");
  return text.replaceAll("@device@", formatDeviceUnit(partition)).replaceAll("@libexecdir@", "/usr/libexec");
}
