import { defineCommand } from "../cli/command.ts";
import { readKeptRuns } from "../report/read-kept-runs.ts";
import { renderRunTable } from "../report/render-run-table.ts";
import type { RunRecord } from "../report/run-record.ts";

/** The last run of each name, in the order of the list. */
function selectLast(records: readonly RunRecord[]): readonly RunRecord[] {
  const last = new Map(records.map((record) => [record.name, record]));
  return records.filter((record) => last.get(record.name) === record);
}

export const runsCommand = defineCommand({
  name: "runs",
  describe: "List the runs whose reports are kept here, as a table: machines, times, verdicts",
  options: { last: { type: "boolean", default: false, describe: "Only the last run of each name" } },
  examples: [
    ["runs", "all of them, the oldest first"],
    ["runs --last", "a matrix of architectures or scenarios, to paste where Markdown is read"],
  ],
  handler: async (args, ctx) => {
    const { folder, records, unread } = await readKeptRuns(ctx);
    for (const { name, reason } of unread) ctx.log.warn(`${name} is not shown: ${reason}`);
    const shown = args.last ? selectLast(records) : records;
    const text = shown.length === 0 ? `no runs are kept in ${folder}` : renderRunTable(shown);
    return { text, json: { folder, runs: shown } };
  },
});
