import { readLogs } from "../access/read-logs.ts";
import { readTarget } from "../access/read-target.ts";
import { defineCommand } from "../cli/command.ts";
import { keyOption, targetPositional } from "./kubeconfig.ts";

export const logsCommand = defineCommand({
  name: "logs",
  describe: "Show what k3s (or another unit, or the console) logged on a running machine or a device",
  positionals: { target: targetPositional },
  options: {
    key: keyOption,
    unit: { type: "string", default: "k3s*", describe: "systemd unit, or a pattern of units" },
    lines: { type: "number", default: 100, describe: "how many lines, from the end" },
    console: { type: "boolean", default: false, describe: "the serial console of a machine that runs here" },
  },
  examples: [
    ["logs", "the last lines of k3s on the machine that runs"],
    ["logs --console --lines 40", "of its serial console"],
  ],
  handler: async (args, ctx) => {
    const target = await readTarget(ctx, { target: args.target, key: args.key });
    const text = await readLogs(ctx, target, { unit: args.unit, lines: args.lines, console: args.console });
    return { text, json: { target: target.name, lines: text.split("\n") } };
  },
});
