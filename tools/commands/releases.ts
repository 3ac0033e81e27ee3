import { defineCommand } from "../cli/command.ts";
import { fetchReleases, upstreamServers } from "../release/fetch-releases.ts";
import { formatReleases, planReleases } from "../release/plan-releases.ts";
import { readRecordedReleases } from "../release/read-recorded-releases.ts";

export const releasesCommand = defineCommand({
  name: "releases",
  describe: "List k3s releases and channels, and which Yocto series can build which",
  options: {
    offline: { type: "boolean", default: false, describe: "Show only what is recorded in this repository" },
    "channels-url": {
      type: "string",
      default: upstreamServers.channels,
      valueName: "URL",
      describe: "Upstream's channel server, or a mirror",
    },
    "sources-url": { type: "string", default: upstreamServers.sources, valueName: "URL", describe: "Where <tag>/go.mod is read" },
  },
  examples: [["releases --offline", "without the network"]],
  async handler(args, ctx) {
    const facts = await fetchReleases(ctx, await readRecordedReleases(), {
      offline: args.offline,
      servers: { channels: args["channels-url"], sources: args["sources-url"] },
    });
    const table = planReleases(facts);
    return { text: formatReleases(table), json: table };
  },
});
