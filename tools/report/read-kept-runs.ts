import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import { planRunsFolder } from "./open-report-folder.ts";
import { readRunNames } from "./read-run-names.ts";
import { readRunRecord } from "./read-run-record.ts";
import type { RunRecord } from "./run-record.ts";

/** The runs whose folders are kept, and those whose record could not be read: a run that goes on has none yet. */
export interface KeptRuns {
  /** Where they are. */
  readonly folder: string;
  readonly records: readonly RunRecord[];
  /** Names of folders, and why each has no record to show. */
  readonly unread: readonly { readonly name: string; readonly reason: string }[];
}

/** Reads the records of all kept runs, the oldest first. Throws errors of node:fs, but not for a folder that is not there: then nothing has run. */
export async function readKeptRuns(ctx: Pick<Context, "cwd" | "env">): Promise<KeptRuns> {
  const folder = planRunsFolder(ctx);
  const records: RunRecord[] = [];
  const unread: { name: string; reason: string }[] = [];
  for (const name of await readRunNames(folder)) {
    try {
      records.push(await readRunRecord(join(folder, name, "run.json")));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      unread.push({ name, reason: error.message });
    }
  }
  return { folder, records, unread };
}
