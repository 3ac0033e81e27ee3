/** What a need is for: the main job, the project's own tests, or machines of another architecture. */
export type Purpose = "demo" | "test" | "foreign";

/** How to see whether the host has it. */
export type Probe =
  | { readonly kind: "command"; readonly command: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "python-module"; readonly module: string };

/** Something that a host must have, the Debian and Ubuntu package that brings it, and why. */
export interface HostNeed {
  readonly name: string;
  readonly probe: Probe;
  readonly package: string;
  readonly why: string;
  readonly purposes: readonly Purpose[];
}

/** What is true of the host, as far as the checks ask. */
export interface HostState {
  readonly platform: string;
  readonly arch: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Free space where the cache lives, MiB. */
  readonly cacheFreeMib: number;
  readonly cacheFolder: string;
  readonly isRoot: boolean;
  readonly hasSudo: boolean;
  readonly hasApt: boolean;
  /** Names of the needs that the host has. */
  readonly present: ReadonlySet<string>;
}

/** One line of `doctor`. */
export interface HostCheck {
  readonly name: string;
  readonly status: "ok" | "missing" | "warning";
  readonly found: string;
  /** Command or deed that repairs it. */
  readonly repair: string | undefined;
}
