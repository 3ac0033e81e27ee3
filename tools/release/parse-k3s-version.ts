import { ConfigError } from "../core/errors.ts";

/** A version of k3s: that of Kubernetes, the candidate number, and k3s's own count on top of it. */
export interface K3sVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Number of the release candidate; undefined for a release. */
  readonly candidate: number | undefined;
  /** N of "+k3sN". */
  readonly k3s: number;
}

const VERSION = /^v?(\d+)\.(\d+)\.(\d+)(?:-rc(\d+))?[+-]k3s(\d+)$/;

/** Parses "v1.36.3+k3s1" or "v1.37.0-rc2+k3s1" (also with "-k3s1", as modules and image tags have it); undefined for anything else. */
export function parseK3sVersion(text: string): K3sVersion | undefined {
  const match = VERSION.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch, candidate, k3s] = match;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    candidate: candidate === undefined ? undefined : Number(candidate),
    k3s: Number(k3s),
  };
}

/** As parseK3sVersion; throws ConfigError for anything else. */
export function requireK3sVersion(text: string): K3sVersion {
  const version = parseK3sVersion(text);
  if (version !== undefined) return version;
  throw new ConfigError(`"${text}" is not a version of k3s`, { hint: "k3s versions look like v1.36.3+k3s1" });
}

/** "v1.36.3+k3s1", as k3s tags its releases. */
export function formatK3sVersion(version: K3sVersion): string {
  const candidate = version.candidate === undefined ? "" : `-rc${version.candidate}`;
  return `v${version.major}.${version.minor}.${version.patch}${candidate}+k3s${version.k3s}`;
}

/**
 * k3s's own order: numbers as numbers, a candidate before its release, k3s2 before k3s10. (semver ignores what follows "+", and puts rc10
 * before rc2.)
 */
export function compareK3sVersions(a: K3sVersion, b: K3sVersion): number {
  const key = (version: K3sVersion): readonly number[] => [
    version.major,
    version.minor,
    version.patch,
    version.candidate ?? Number.POSITIVE_INFINITY,
    version.k3s,
  ];
  const right = key(b);
  for (const [index, number] of key(a).entries()) {
    const other = right[index] ?? 0;
    if (number !== other) return number < other ? -1 : 1;
  }
  return 0;
}

/** "release-1.36", the branch that k3s tags a release on. */
export function formatReleaseBranch(version: K3sVersion): string {
  return `release-${version.major}.${version.minor}`;
}
