/** Which k3s goes into the guest. */
export type K3sChoice =
  /** A binary that the user named. */
  | { readonly kind: "file"; readonly path: string }
  /** The release of k3s, pinned by its sha256. */
  | { readonly kind: "release"; readonly url: string; readonly sha256: string }
  /** Upstream Kubernetes behind k3s's command line and files, built from Go modules. */
  | { readonly kind: "stand-in"; readonly why: string };

/** The version of k3s that the testbed follows. */
export const K3S_VERSION = "v1.36.3+k3s1";

/** Where a release's files lie (k3s names its tags with a plus sign, which a URL must escape). */
export function planReleaseUrl(asset: string): string {
  return `https://github.com/k3s-io/k3s/releases/download/${encodeURIComponent(K3S_VERSION)}/${asset}`;
}

/** A file of the user's own; else the release, where it can be had and its checksum is known; else the stand-in, with the reason. */
export function selectK3s(options: {
  file: string | undefined;
  asset: string;
  sha256: string | undefined;
  release: "cached" | "reachable" | "unreachable";
}): K3sChoice {
  if (options.file !== undefined) return { kind: "file", path: options.file };
  if (options.sha256 === undefined) return { kind: "stand-in", why: `no checksum of the release's ${options.asset} is known` };
  if (options.release === "unreachable") return { kind: "stand-in", why: "the release's server cannot be reached from here" };
  return { kind: "release", url: planReleaseUrl(options.asset), sha256: options.sha256 };
}
