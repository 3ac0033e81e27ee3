import { stopMachines } from "../access/stop-machines.ts";
import { defineCommand } from "../cli/command.ts";

export const stopCommand = defineCommand({
  name: "stop",
  describe: "Stop the machines that boot and demo --keep run here",
  positionals: { machine: { type: "string", describe: "only the machine of this name" } },
  examples: [
    ["stop", "all of them"],
    ["stop qemuarm64", "one"],
  ],
  handler: async (args, ctx) => {
    const stopped = await stopMachines(ctx, args.machine);
    const names = stopped.map((record) => record.name);
    return { text: names.length === 0 ? "nothing is running" : `stopped: ${names.join(", ")}`, json: { stopped: names } };
  },
});
