import { defineCommand } from "../cli/command.ts";
import { MACHINES } from "../yocto/build-choice.ts";
import { formatBuild } from "../yocto/format-build.ts";
import { readBuildRequest } from "../yocto/read-build-request.ts";
import { runBuild } from "../yocto/run-build.ts";
import { choiceOptions } from "./setup.ts";

export const buildCommand = defineCommand({
  name: "build",
  describe: "Build the image of a machine with Yocto (sets it up first, where that was not done)",
  positionals: { machine: { type: "string", choices: MACHINES, required: true, describe: "machine to build for" } },
  options: {
    ...choiceOptions,
    "dry-run": { type: "boolean", default: false, describe: "plan all tasks with BitBake and run none" },
  },
  examples: [
    ["build qemux86-64", "core-image-k3s, k3s from source"],
    ["build qemuarm64 --image core-image-k3s-agent", "the image of a node that joins a cluster"],
    ["build qemux86-64 --provider k3s-bin --development", "with the official binary; to try things"],
    ["build qemux86-64 --dry-run", "see what would be built"],
  ],
  epilogue: "Ctrl-C lets the tasks under way end; a second one stops them. The next build goes on from there. See docs/build.md.",
  handler: async (args, ctx) => {
    const request = await readBuildRequest(ctx, args);
    const result = await runBuild(ctx, { ...request, dryRun: args["dry-run"], tty: process.stderr.isTTY });
    return { text: formatBuild(result), json: result };
  },
});
