import type { RunRecord } from "./run-record.ts";

/** The last run of each name, in the order of the list. */
export function selectLastRuns(records: readonly RunRecord[]): readonly RunRecord[] {
  const last = new Map(records.map((record) => [record.name, record]));
  return records.filter((record) => last.get(record.name) === record);
}
