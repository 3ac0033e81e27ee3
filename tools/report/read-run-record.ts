import { readFile } from "node:fs/promises";
import { ConfigError } from "../core/errors.ts";
import { runRecordSchema, type RunRecord } from "./run-record.ts";

/** Reads a run.json. Throws ConfigError that names every field that is wrong, or says that the file is missing, not JSON or of another version. */
export async function readRunRecord(path: string): Promise<RunRecord> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new ConfigError(`cannot read the run record ${path}`, { hint: "give the run.json in a run's folder", cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${path} is not JSON`, { hint: "give the run.json in a run's folder", cause });
  }
  const result = runRecordSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.length === 0 ? "the whole" : issue.path.join(".")}: ${issue.message}`,
  );
  throw new ConfigError(`${path} is not a run record of this version of meta-k3s`, {
    problems,
    hint: "run records of another version are read by that version",
  });
}
