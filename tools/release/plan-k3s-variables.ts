import { findReplacement } from "../gomod/parse-go-mod.ts";
import type { GoMod } from "../gomod/parse-go-mod.ts";
import { compareText } from "../gomod/parse-module.ts";
import type { PartName } from "./fetch-part-commits.ts";
import type { K3sScripts } from "./parse-k3s-source.ts";
import { formatReleaseBranch, requireK3sVersion } from "./parse-k3s-version.ts";
import type { RecordedRelease } from "./parse-recorded-releases.ts";
import { ConfigError } from "../core/errors.ts";

/** Assignments under one comment. */
export interface ReleaseVariables {
  readonly title: string;
  readonly values: readonly (readonly [name: string, value: string])[];
}

export interface K3sReleaseFacts {
  readonly version: string;
  readonly commit: string | undefined;
  /** Branch that was asked for; undefined: the release's own. */
  readonly branch: string | undefined;
  /** "github.com/k3s-io/k3s". */
  readonly repository: string;
  readonly goMod: GoMod;
  readonly scripts: K3sScripts | undefined;
  readonly recorded: RecordedRelease | undefined;
  /** Commits of the parts, as far as they are known. */
  readonly commits: Readonly<Partial<Record<PartName, string | undefined>>>;
  /** sha256 sums of release files and charts, by file name. */
  readonly sums: Readonly<Record<string, string>>;
}

/**
 * As k3s's scripts/version.sh (get-module-version, get-module-path): the module's replacement, else its required version. runc is replaced without
 * being required by go.mod itself.
 */
function findModule(goMod: GoMod, path: string): { path: string; version: string } {
  const required = goMod.requires.find((module) => module.path === path);
  const target = findReplacement(goMod, required ?? { path, version: "" })?.target;
  const version = target?.version ?? required?.version;
  if (version !== undefined) return { path: target?.path ?? path, version };
  throw new ConfigError(`go.mod of k3s names no version of ${path}, which its build reports`);
}

type PartFacts = Pick<K3sReleaseFacts, "goMod" | "scripts" | "recorded">;

/** Versions of the parts that come from other repositories. Throws ConfigError when go.mod names no runc. */
export function findPartVersions({ goMod, scripts, recorded }: PartFacts): Readonly<Record<PartName, string | undefined>> {
  return {
    runc: findModule(goMod, "github.com/opencontainers/runc").version,
    "cni-plugins": scripts?.cniPlugins ?? recorded?.parts["cni-plugins"]?.version,
    "flannel-plugin": scripts?.flannelPlugin ?? recorded?.parts["flannel-plugin"]?.version,
  };
}

/** Helm charts that the release carries, "<chart>/<file>". */
export function findCharts({ scripts, recorded }: PartFacts): readonly string[] {
  return scripts?.charts ?? recorded?.charts ?? [];
}

function present(values: readonly (readonly [string, string | undefined])[]): readonly (readonly [string, string])[] {
  return values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

/**
 * The variables of k3s's version file: the release, the versions its own build reports with -X, the programs beside it, charts and sums. What
 * nobody knows is left out. Throws ConfigError when go.mod does not name a part that every release has.
 */
export function planK3sVariables(facts: K3sReleaseFacts): readonly ReleaseVariables[] {
  const { goMod, scripts, recorded } = facts;
  const version = (path: string): string => findModule(goMod, path).version;
  const parts = findPartVersions(facts);
  const charts = findCharts(facts);
  const groups: ReleaseVariables[] = [
    {
      title: "The release",
      values: present([
        ["K3S_VERSION", facts.version],
        ["K3S_COMMIT", facts.commit],
        ["K3S_BRANCH", facts.branch ?? formatReleaseBranch(requireK3sVersion(facts.version))],
        ["K3S_REPOSITORY", facts.repository],
        ["K3S_GO_VERSION", goMod.go],
      ]),
    },
    {
      title: "Versions of the parts, as the release's own build takes them from go.mod and its scripts",
      values: present([
        ["K3S_PACKAGE_CONTAINERD", findModule(goMod, "github.com/containerd/containerd/v2").path],
        ["K3S_VERSION_CONTAINERD", version("github.com/containerd/containerd/v2")],
        ["K3S_VERSION_CRICTL", version("sigs.k8s.io/cri-tools")],
        ["K3S_VERSION_CRI_DOCKERD", version("github.com/Mirantis/cri-dockerd")],
        ["K3S_VERSION_FLANNEL", version("github.com/flannel-io/flannel")],
        ["K3S_VERSION_HELM_JOB", scripts?.helmJob ?? recorded?.parts["helm-job"]?.version],
        ["K3S_VERSION_KUBE_ROUTER", version("github.com/cloudnativelabs/kube-router/v2")],
      ]),
    },
    {
      title: "Programs beside k3s: version and commit of each",
      values: present([
        ["K3S_VERSION_CNIPLUGINS", parts["cni-plugins"]],
        ["K3S_COMMIT_CNIPLUGINS", facts.commits["cni-plugins"]],
        ["K3S_VERSION_FLANNEL_PLUGIN", parts["flannel-plugin"]],
        ["K3S_COMMIT_FLANNEL_PLUGIN", facts.commits["flannel-plugin"]],
        ["K3S_VERSION_RUNC", parts.runc],
        ["K3S_COMMIT_RUNC", facts.commits.runc],
      ]),
    },
    { title: "Helm charts that the server carries", values: charts.length === 0 ? [] : [["K3S_CHARTS", charts.join(" ")]] },
    {
      title: "sha256 of the release's files and of the charts; one that is not known is not here, and is never fetched",
      values: Object.entries(facts.sums)
        .toSorted(([a], [b]) => compareText(a, b))
        .map(([file, sum]) => [`K3S_SHA256[${file}]`, sum] as const),
    },
  ];
  return groups.filter((group) => group.values.length > 0);
}
