import { defineCommand } from "../cli/command.ts";
import { readKeptRuns } from "../report/read-kept-runs.ts";
import { renderRunTable } from "../report/render-run-table.ts";
import { selectLastRuns } from "../report/select-last-runs.ts";

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
    const shown = args.last ? selectLastRuns(records) : records;
    const text = shown.length === 0 ? `no runs are kept in ${folder}` : renderRunTable(shown);
    return { text, json: { folder, runs: shown } };
  },
});
