import { join } from "node:path";
import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../core/exit-codes.ts";
import { MACHINES } from "../yocto/build-choice.ts";
import type { MachineName } from "../yocto/build-choice.ts";
import { formatLayerCheck } from "../yocto/layer-check-result.ts";
import { planLayerCheck } from "../yocto/plan-layer-check.ts";
import { readBuildRequest } from "../yocto/read-build-request.ts";
import { runLayerCheck } from "../yocto/run-layer-check.ts";

export const layerCommand = defineCommand({
  name: "layer",
  describe: "Check the layer with real BitBake and openembedded-core: parse, values, dry runs, yocto-check-layer",
  positionals: { action: { type: "string", choices: ["check"], required: true, describe: "what to do with the layer" } },
  options: {
    machine: { type: "string", array: true, choices: MACHINES, describe: "only for these machines (default: all three)" },
    quick: { type: "boolean", default: false, describe: "parse, values and one dry run only" },
    dir: { type: "string", valueName: "DIR", describe: "work folder (default: build/yocto here)" },
    sources: { type: "string", valueName: "DIR", describe: "local clones of bitbake, openembedded-core, meta-openembedded" },
    offline: { type: "boolean", describe: "ask no host of the network for anything" },
  },
  examples: [
    ["layer check", "everything: an hour and more on two cores"],
    ["layer check --quick --machine qemuarm --sources ~/yocto --offline", "what a change needs at least"],
  ],
  handler: async (args, ctx) => {
    const machines = (args.machine ?? []) as readonly MachineName[];
    const given = { image: undefined, provider: undefined, snapshotter: undefined, development: undefined, "sstate-mirror": false };
    const { dir, sources, offline } = args;
    const request = await readBuildRequest(ctx, { ...given, machine: machines[0] ?? "qemux86-64", dir, sources, offline });
    const inFolder = (name: string): typeof request => {
      const buildFolder = join(request.folders.workFolder, name);
      const at = (file: string): string => join(buildFolder, file);
      const files = { kasFile: at("kas.yml"), setupFile: at("setup.json"), logFolder: at("logs") };
      return { ...request, folders: { ...request.folders, buildFolder, ...files } };
    };
    const results = await runLayerCheck(ctx, {
      setup: { ...inFolder("layer-check"), choice: { ...request.choice, snapshotter: "zfs" } },
      bare: { ...inFolder("layer-check-bare"), layer: "absent" },
      steps: planLayerCheck({ machines, quick: args.quick }),
      compatibility: !args.quick,
    });
    const passed = results.every((result) => result.passed);
    return { text: formatLayerCheck(results), json: { results }, exitCode: passed ? EXIT.ok : EXIT.drift };
  },
});
