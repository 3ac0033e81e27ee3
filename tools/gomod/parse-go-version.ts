import { ConfigError } from "../core/errors.ts";

/** Splits "1.26.5", "1.26" or "1.27rc1" (https://go.dev/ref/mod#go-mod-file-go). A version without a patch comes before its candidates. */
function splitGoVersion(version: string): readonly [major: number, minor: number, stage: number, number: number] {
  const match = /^(?:go)?(\d+)\.(\d+)(?:\.(\d+)|(beta|rc)(\d+))?$/.exec(version);
  if (match === null) throw new ConfigError(`"${version}" is not a Go version`, { hint: "write it as 1.26 or 1.26.5" });
  const [, major = "0", minor = "0", patch, stage, number] = match;
  const rank = patch !== undefined ? 3 : stage === "rc" ? 2 : stage === "beta" ? 1 : 0;
  return [Number(major), Number(minor), rank, Number(patch ?? number ?? 0)];
}

/** Orders Go versions as the go command does: 1.26 < 1.26rc1 < 1.26.0 < 1.26.5. Throws ConfigError for what is none. */
export function compareGoVersions(a: string, b: string): number {
  const left = splitGoVersion(a);
  const right = splitGoVersion(b);
  for (const [index, number] of left.entries()) {
    const difference = number - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
