import type { Context } from "../core/context.ts";
import type { RecordedRelease } from "./parse-recorded-releases.ts";

/** A part of k3s that is built from its own repository. */
export type PartName = "runc" | "cni-plugins" | "flannel-plugin";

/** Repositories that k3s's own scripts clone (scripts/download, scripts/build). */
export const partRepositories: Readonly<Record<PartName, string>> = {
  runc: "https://github.com/opencontainers/runc",
  "cni-plugins": "https://github.com/rancher/plugins",
  "flannel-plugin": "https://github.com/flannel-io/cni-plugin",
};

export interface PartCommitsOptions {
  /** Version, which is the tag, of each part; undefined where it is not known. */
  readonly versions: Readonly<Record<PartName, string | undefined>>;
  readonly recorded: RecordedRelease["parts"];
  readonly offline: boolean;
  /** partRepositories by default. */
  readonly repositories?: Readonly<Record<PartName, string>> | undefined;
}

/** The commit that a tag of a repository names; undefined, with a warning, where the repository cannot be asked or has no such tag. */
export async function fetchTagCommit(ctx: Context, repository: string, tag: string): Promise<string | undefined> {
  const result = await ctx.exec.run(["git", "ls-remote", repository, `refs/tags/${tag}`, `refs/tags/${tag}^{}`], {
    env: { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
    timeoutMs: 60_000,
  });
  const lines = result.status === 0 ? result.stdout.trim().split("\n") : [];
  // An annotated tag has a second line, for the commit behind it.
  const line = lines.find((one) => one.endsWith("^{}")) ?? lines[0];
  const commit = /^[0-9a-f]{40}/.exec(line ?? "")?.[0];
  if (commit === undefined) {
    const reason = result.status === 0 ? "it has no such tag" : (result.stderr.trim().split("\n").at(-1) ?? "");
    ctx.log.warn(`the commit of ${tag} cannot be read from ${repository}: ${reason}`);
  }
  return commit;
}

/**
 * The commits of the parts that a release takes from other repositories: those recorded for the same version, else what each repository says.
 * A part whose commit nobody knows is left out, with a warning.
 */
export async function fetchPartCommits(
  ctx: Context,
  options: PartCommitsOptions,
): Promise<Readonly<Partial<Record<PartName, string>>>> {
  const repositories = options.repositories ?? partRepositories;
  const commits: Partial<Record<PartName, string>> = {};
  for (const name of Object.keys(repositories) as PartName[]) {
    const version = options.versions[name];
    if (version === undefined) continue;
    const known = options.recorded[name]?.version === version ? options.recorded[name].commit : undefined;
    // A commit on record is the pin; asking again would only make the result depend on the network.
    const commit = known ?? (options.offline ? undefined : await fetchTagCommit(ctx, repositories[name], version));
    if (commit !== undefined) commits[name] = commit;
  }
  return commits;
}
