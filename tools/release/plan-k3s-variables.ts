import { findReplacement } from "../gomod/parse-go-mod.ts";
import type { GoMod } from "../gomod/parse-go-mod.ts";
import { compareText } from "../gomod/parse-module.ts";
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
  const runc = version("github.com/opencontainers/runc");
  const cniPlugins = scripts?.cniPlugins ?? recorded?.parts["cni-plugins"]?.version;
  const flannelPlugin = scripts?.flannelPlugin ?? recorded?.parts["flannel-plugin"]?.version;
  const commitOf = (part: "runc" | "cni-plugins" | "flannel-plugin", wanted: string | undefined): string | undefined => {
    const known = recorded?.parts[part];
    return known?.version === wanted ? known?.commit : undefined;
  };
  const charts = scripts?.charts ?? recorded?.charts ?? [];
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
        ["K3S_VERSION_CNIPLUGINS", cniPlugins],
        ["K3S_COMMIT_CNIPLUGINS", commitOf("cni-plugins", cniPlugins)],
        ["K3S_VERSION_FLANNEL_PLUGIN", flannelPlugin],
        ["K3S_COMMIT_FLANNEL_PLUGIN", commitOf("flannel-plugin", flannelPlugin)],
        ["K3S_VERSION_RUNC", runc],
        ["K3S_COMMIT_RUNC", commitOf("runc", runc)],
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
