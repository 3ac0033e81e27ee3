import { readTarget } from "../access/read-target.ts";
import { runSsh } from "../access/run-ssh.ts";
import { defineCommand } from "../cli/command.ts";
import { keyOption } from "./kubeconfig.ts";

export const sshCommand = defineCommand({
  name: "ssh",
  describe: "Open a shell on a running machine or a device, or run one command there",
  positionals: {
    target: { type: "string", describe: "machine that runs here (default: the one that does), or user@host[:port]" },
  },
  options: {
    key: keyOption,
    command: {
      type: "string",
      alias: "c",
      valueName: "COMMAND",
      describe: "run this instead of a shell; its status is the exit code",
    },
  },
  examples: [
    ["ssh", "a shell on the machine that demo --keep runs"],
    ["ssh qemux86-64 -c 'k3s kubectl get pods -A'", "one command"],
  ],
  handler: async (args, ctx) => {
    const target = await readTarget(ctx, { target: args.target, key: args.key });
    const status = await runSsh(ctx, target, args.command === undefined ? [] : [args.command]);
    return { exitCode: status, json: { status } };
  },
});
