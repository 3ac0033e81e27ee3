/** What k3s's own build scripts say beyond go.mod. Everything may be missing: forks and other releases write them otherwise. */
export interface K3sScripts {
  readonly cniPlugins: string | undefined;
  readonly flannelPlugin: string | undefined;
  readonly helmJob: string | undefined;
  /** "<chart>/<chart>-<version>.tgz", as the chart server has them. */
  readonly charts: readonly string[];
}

function findAssignment(script: string, name: string): string | undefined {
  return new RegExp(`^${name}="?([^"\\s]+)"?$`, "m").exec(script)?.[1];
}

/** Chart files named in a manifest's HelmChart objects. */
function findCharts(manifest: string): readonly string[] {
  if (!/^kind: HelmChart$/m.test(manifest)) return [];
  return [...manifest.matchAll(/^\s*chart:\s*\S*\/([^/\s]+\.tgz)\s*$/gm)].map((match) => match[1] ?? "");
}

/**
 * Reads the versions that k3s's scripts/version.sh fixes and the charts that scripts/download fetches for its manifests (both in k3s's
 * repository).
 */
export function parseK3sScripts(versionScript: string, manifests: readonly string[]): K3sScripts {
  const charts = manifests.flatMap((manifest) => findCharts(manifest));
  return {
    cniPlugins: findAssignment(versionScript, "VERSION_CNIPLUGINS"),
    flannelPlugin: findAssignment(versionScript, "VERSION_FLANNEL_PLUGIN"),
    helmJob: findAssignment(versionScript, "VERSION_HELM_JOB"),
    // scripts/download: the chart's name is what comes before the first digit, less the dash.
    charts: [...new Set(charts)].map((file) => `${/^(?:-*[a-z])+/.exec(file)?.[0] ?? file}/${file}`).toSorted(),
  };
}
