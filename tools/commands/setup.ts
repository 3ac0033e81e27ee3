import { defineCommand } from "../cli/command.ts";
import { MACHINES, PROVIDERS, SNAPSHOTTERS } from "../yocto/build-choice.ts";
import { formatSetup } from "../yocto/format-setup.ts";
import { readBuildRequest } from "../yocto/read-build-request.ts";
import { runSetup } from "../yocto/run-setup.ts";

/** Options that say what is built; `setup` and `build` share them. */
export const choiceOptions = {
  image: { type: "string", valueName: "RECIPE", describe: "image recipe (default: core-image-k3s, or what setup was told)" },
  provider: { type: "string", choices: PROVIDERS, describe: "k3s from source, or the pinned official binary" },
  snapshotter: { type: "string", choices: SNAPSHOTTERS, describe: "how containers' file systems are kept" },
  development: { type: "boolean", describe: "an image to test and throw away: root logs in without a password" },
  dir: { type: "string", valueName: "DIR", describe: "work folder for sources, downloads and builds (default: build/yocto here)" },
  sources: { type: "string", valueName: "DIR", describe: "local clones of bitbake, openembedded-core, meta-openembedded" },
  offline: { type: "boolean", describe: "ask no host of the network for anything" },
  "sstate-mirror": { type: "boolean", describe: "use the release's mirror of parts that are built already" },
} as const;

export const setupCommand = defineCommand({
  name: "setup",
  describe: "Prepare a build with Yocto: kas, pinned sources, configuration for this host",
  positionals: { machine: { type: "string", choices: MACHINES, required: true, describe: "machine to build for" } },
  options: choiceOptions,
  examples: [
    ["setup qemux86-64", "prepare build/yocto/qemux86-64"],
    ["setup qemuarm64 --sources ~/yocto --offline", "from clones that are there, without network"],
    ["setup qemux86-64 --no-sstate-mirror", "build everything here"],
  ],
  handler: async (args, ctx) => {
    const request = await readBuildRequest(ctx, args);
    const result = await runSetup(ctx, request);
    return { text: formatSetup(request, result), json: { ...request, ...result } };
  },
});
