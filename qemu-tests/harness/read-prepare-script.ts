import { readFile } from "node:fs/promises";
import { join } from "node:path";

const SCRIPT = join(import.meta.dirname, "../../recipes-core/k3s-data-partition/files/prepare-data-partition");

/** The layer's own script for a data partition, with words in the places that its recipe fills. */
export async function readPrepareScript(words: { readonly partition: string; readonly snapshotter: string }): Promise<string> {
  const text = await readFile(SCRIPT, "utf8");
  return text.replaceAll("@partition@", words.partition).replaceAll("@snapshotter@", words.snapshotter);
}
