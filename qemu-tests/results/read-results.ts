import { readFile } from "node:fs/promises";
import { parseResults, type TestResult } from "./test-result.ts";

/** The results that are kept in a file; none where the file is not there yet. Throws ConfigError for a line that is no result, else errors of node:fs. */
export async function readResults(path: string): Promise<readonly TestResult[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return parseResults(text, path);
}
