import { readFile } from "node:fs/promises";
import { parseRecordedReleases } from "./parse-recorded-releases.ts";
import type { RecordedReleases } from "./parse-recorded-releases.ts";

/** The releases recorded in this folder. Throws ConfigError when the file is wrong. */
export async function readRecordedReleases(): Promise<RecordedReleases> {
  return parseRecordedReleases(await readFile(new URL("recorded-releases.yaml", import.meta.url), "utf8"));
}
