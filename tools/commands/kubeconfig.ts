import { fetchKubeconfig } from "../access/fetch-kubeconfig.ts";
import { readTarget } from "../access/read-target.ts";
import { defineCommand } from "../cli/command.ts";

/** Positional and option of every command that acts on a machine or device. */
export const targetPositional = {
  type: "string",
  describe: "machine that runs here (default: the one that does), or a device: user@host[:port]",
} as const;
export const keyOption = { type: "string", valueName: "FILE", describe: "SSH key for a device (default: ~/.ssh/id_*)" } as const;

export const kubeconfigCommand = defineCommand({
  name: "kubeconfig",
  describe: "Copy a cluster's kubeconfig from a running machine or a device, ready for this host",
  positionals: { target: targetPositional },
  options: {
    key: keyOption,
    name: { type: "string", describe: "what to call cluster, user and context (default: the machine's or host's name)" },
    server: { type: "string", valueName: "URL", describe: "address of the API server (default: https://HOST:6443)" },
    output: { type: "string", valueName: "FILE", describe: "file to write (default: one below ~/.cache/meta-k3s)" },
    merge: { type: "boolean", default: false, describe: "add it to $KUBECONFIG or ~/.kube/config" },
  },
  examples: [
    ["kubeconfig", "of the machine that demo --keep runs"],
    ["kubeconfig root@192.168.1.20 --name kitchen --merge", "of a device, into ~/.kube/config"],
  ],
  epilogue: "The file is readable by its owner only. Entries of other clusters are never overwritten.",
  handler: async (args, ctx) => {
    const target = await readTarget(ctx, { target: args.target, key: args.key });
    const { name, server, output, merge } = args;
    const written = await fetchKubeconfig(ctx, { target, name, server, output, merge });
    const how = merge ? `kubectl --context ${written.name} get nodes` : `kubectl --kubeconfig ${written.path} get nodes`;
    return { text: `${written.path} (${written.server})\n\nTry: ${how}`, json: written };
  },
});
