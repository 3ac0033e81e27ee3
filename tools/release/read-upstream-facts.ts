import { hash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../core/context.ts";
import type { GoMod } from "../gomod/parse-go-mod.ts";
import { fetchChartSums } from "./fetch-chart-sums.ts";
import { fetchPartCommits, fetchTagCommit } from "./fetch-part-commits.ts";
import { fetchReleaseSums } from "./fetch-release-sums.ts";
import type { PartCommitsOptions } from "./fetch-part-commits.ts";
import type { K3sScripts } from "./parse-k3s-source.ts";
import type { RecordedRelease } from "./parse-recorded-releases.ts";
import { findCharts, findPartVersions } from "./plan-k3s-variables.ts";

export interface UpstreamOptions {
  /** Web address of the repository: https://github.com/k3s-io/k3s. */
  readonly repositoryUrl: string;
  readonly version: string;
  /** Commit of the release, where the source says it. */
  readonly commit: string | undefined;
  readonly goMod: GoMod;
  readonly scripts: K3sScripts | undefined;
  readonly recorded: RecordedRelease | undefined;
  readonly offline: boolean;
  /** Where answers are kept. */
  readonly folder: string;
  /** Where charts and parts come from; upstream's own places by default. */
  readonly chartsUrl?: string;
  readonly partRepositories?: PartCommitsOptions["repositories"];
}

const factsSchema = z.strictObject({
  commit: z.string().optional(),
  commits: z.strictObject({
    runc: z.string().optional(),
    "cni-plugins": z.string().optional(),
    "flannel-plugin": z.string().optional(),
  }),
  /** By file name: binaries, airgap archives, charts. */
  sums: z.record(z.string(), z.string()),
});

/** What upstream's servers say about a k3s release, beyond its source. */
export type UpstreamFacts = z.infer<typeof factsSchema>;

/** Every release has these, so without one of them the release's sums were not read. */
const BINARIES = ["k3s", "k3s-arm64", "k3s-armhf"] as const;

/**
 * Checksums and commits of a release: asked of upstream once, then kept, for a release does not change; an answer that lacks anything is not
 * kept. Offline, and where a server cannot be reached (with a warning), what is recorded. Throws IntegrityError when upstream contradicts what is recorded.
 */
export async function readUpstreamFacts(ctx: Context, options: UpstreamOptions): Promise<UpstreamFacts> {
  const { repositoryUrl, version, recorded, offline } = options;
  const charts = findCharts(options);
  const versions = findPartVersions(options);
  // Whatever is recorded anew is compared with upstream anew.
  const key = JSON.stringify(["upstream-1", repositoryUrl, version, options.commit, recorded, charts, versions]);
  const path = join(options.folder, `${hash("sha256", key)}.json`);
  const kept = offline ? undefined : await readKept(path);
  if (kept !== undefined) return kept;
  const sums = await fetchReleaseSums(ctx, { repositoryUrl, version, recorded: recorded?.sha256 ?? {}, offline });
  const chartSums = await fetchChartSums(ctx, { charts, recorded: recorded?.sha256 ?? {}, offline, baseUrl: options.chartsUrl });
  const commits = await fetchPartCommits(ctx, {
    versions,
    recorded: recorded?.parts ?? {},
    offline,
    repositories: options.partRepositories,
  });
  const commit = options.commit ?? (offline ? undefined : await fetchTagCommit(ctx, repositoryUrl, version));
  const facts: UpstreamFacts = {
    ...(commit === undefined ? {} : { commit }),
    commits: { ...commits },
    sums: { ...sums, ...chartSums },
  };
  const isWhole =
    commit !== undefined &&
    BINARIES.every((file) => file in sums) &&
    Object.keys(chartSums).length === charts.length &&
    Object.keys(commits).length === Object.values(versions).filter((one) => one !== undefined).length;
  if (isWhole && !offline) await writeKept(path, options.folder, facts);
  return facts;
}

async function readKept(path: string): Promise<UpstreamFacts | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return factsSchema.parse(JSON.parse(text));
  } catch {
    // Damaged, or of another form: it is asked for again.
    return undefined;
  }
}

async function writeKept(path: string, folder: string, facts: UpstreamFacts): Promise<void> {
  await mkdir(folder, { recursive: true });
  const partial = `${path}.${process.pid}.part`;
  await writeFile(partial, JSON.stringify(facts));
  await rename(partial, path);
}
