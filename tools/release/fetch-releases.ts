import { z } from "zod";
import type { Context } from "../core/context.ts";
import { DownloadError } from "../core/errors.ts";
import { parseGoMod } from "../gomod/parse-go-mod.ts";
import { fetchText } from "./fetch-text.ts";
import { compareK3sVersions, parseK3sVersion, requireK3sVersion } from "./parse-k3s-version.ts";
import type { RecordedReleases } from "./parse-recorded-releases.ts";
import type { ReleaseFacts } from "./plan-releases.ts";

/** Upstream's servers; tests have their own. */
export interface ReleaseServers {
  /** Answers with {"data": [{"name", "latest"}]}: https://update.k3s.io/v1-release/channels. */
  readonly channels: string;
  /** "<this>/<tag>/go.mod" is the go.mod of a release. */
  readonly sources: string;
}

export const upstreamServers: ReleaseServers = {
  channels: "https://update.k3s.io/v1-release/channels",
  sources: "https://raw.githubusercontent.com/k3s-io/k3s",
};

const channelsSchema = z.object({ data: z.array(z.object({ name: z.string(), latest: z.string().optional() })) });
/** Older minor versions have no support, and no series of the layer wants them. */
const OLDEST_MINOR = 33;

/** Channels of releases that a layer may still want, by the server's answer. Throws DownloadError when it is of another form. */
function parseChannels(text: string, url: string): Readonly<Record<string, string>> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new DownloadError(`${url}: the answer is not JSON`, { cause: error });
  }
  const parsed = channelsSchema.safeParse(raw);
  if (!parsed.success) throw new DownloadError(`${url}: the answer is not a list of channels`);
  const channels: Record<string, string> = {};
  for (const { name, latest } of parsed.data.data) {
    const version = latest === undefined ? undefined : parseK3sVersion(latest);
    if (latest !== undefined && version !== undefined && version.minor >= OLDEST_MINOR && !name.endsWith("-testing"))
      channels[name] = latest;
  }
  return channels;
}

/**
 * What is known of k3s releases: upstream's channels and the go line of each release they point to, on top of what is recorded. Offline, or where
 * upstream cannot be reached (with a warning), what is recorded alone.
 */
export async function fetchReleases(
  ctx: Context,
  recorded: RecordedReleases,
  options: { readonly offline: boolean; readonly servers: ReleaseServers },
): Promise<ReleaseFacts> {
  const channels = options.offline ? undefined : await fetchChannels(ctx, options.servers);
  const current = channels ?? recorded.channels;
  const versions = [...new Set([...Object.keys(recorded.releases), ...Object.values(current)])];
  const releases = await Promise.all(
    versions.map(async (version) => {
      const known = recorded.releases[version];
      const sums = Object.keys(known?.sha256 ?? {}).length > 0;
      if (known !== undefined || channels === undefined) return { version, go: known?.go, sums };
      return { version, go: await fetchGoLine(ctx, version, options.servers), sums };
    }),
  );
  releases.sort((a, b) => compareK3sVersions(requireK3sVersion(a.version), requireK3sVersion(b.version)));
  return { series: recorded.series, channels: current, releases };
}

async function fetchChannels(ctx: Context, servers: ReleaseServers): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    return parseChannels(await fetchText(ctx, servers.channels), servers.channels);
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error;
    ctx.log.warn(`upstream's channels cannot be read (${error.message}); what is recorded is shown`);
    return undefined;
  }
}

async function fetchGoLine(ctx: Context, version: string, servers: ReleaseServers): Promise<string | undefined> {
  const url = `${servers.sources}/${encodeURIComponent(version)}/go.mod`;
  try {
    return parseGoMod(await fetchText(ctx, url), url).go;
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error;
    ctx.log.warn(`the go line of ${version} cannot be read: ${error.message}`);
    return undefined;
  }
}
