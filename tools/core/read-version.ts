import { readFile } from "node:fs/promises";

/** The version of meta-k3s, from package.json. */
export async function readToolVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
