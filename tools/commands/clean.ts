import { defineCommand } from "../cli/command.ts";
import { MACHINES } from "../yocto/build-choice.ts";
import type { MachineName } from "../yocto/build-choice.ts";
import { planBuildFolders } from "../yocto/build-folders.ts";
import { planClean } from "../yocto/plan-clean.ts";
import { LAYER_FOLDER } from "../yocto/read-build-request.ts";
import { runClean } from "../yocto/run-clean.ts";

export const cleanCommand = defineCommand({
  name: "clean",
  describe: "Remove what builds left; by default only what is made again quickly from sstate",
  positionals: { machine: { type: "string", choices: MACHINES, describe: "only of this machine (default: of all)" } },
  options: {
    dir: { type: "string", valueName: "DIR", describe: "work folder (default: build/yocto here)" },
    sstate: { type: "boolean", default: false, describe: "built parts too: the next build takes hours" },
    downloads: { type: "boolean", default: false, describe: "downloaded sources too" },
    sources: { type: "boolean", default: false, describe: "clones of bitbake and the layers too" },
    everything: { type: "boolean", default: false, describe: "all of it, with logs and settings" },
    "dry-run": { type: "boolean", default: false, describe: "say what would be removed" },
  },
  examples: [
    ["clean qemux86-64", "free the space of one machine's work"],
    ["clean --everything --dry-run", "see what a full cleaning removes"],
  ],
  handler: async (args, ctx) => {
    const machine = args.machine as MachineName | undefined;
    const { workFolder } = planBuildFolders({
      layerFolder: LAYER_FOLDER,
      cwd: ctx.cwd,
      workFolder: args.dir,
      machine: "qemux86-64",
    });
    const { sstate, downloads, sources, everything } = args;
    const steps = planClean({ workFolder, machine, sstate, downloads, sources, everything });
    const done = args["dry-run"] ? steps : await runClean(ctx, { workFolder, steps });
    const verb = args["dry-run"] ? "would be removed" : "removed";
    const text = done.map((step) => `${verb}: ${step.path} (${step.what})`).join("\n");
    return { text: text === "" ? "nothing to remove" : text, json: { removed: done } };
  },
});
