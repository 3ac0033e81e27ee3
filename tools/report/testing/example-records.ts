import type { RunRecord } from "../run-record.ts";
import { threeNodesRecord, largeRecord, hostileRecord } from "./example-odd-runs.ts";
import { readyRecord, timeoutRecord, panicRecord, oomRecord, abortedRecord, environmentRecord } from "./example-runs.ts";

/** All records made by hand, one for each way a run can end and for what stretches the reports, by a name fit for a file. */
export const exampleRecords: Readonly<Record<string, RunRecord>> = {
  ready: readyRecord,
  timeout: timeoutRecord,
  panic: panicRecord,
  oom: oomRecord,
  aborted: abortedRecord,
  environment: environmentRecord,
  "three-nodes": threeNodesRecord,
  large: largeRecord,
  hostile: hostileRecord,
};
