import { readFile } from "node:fs/promises";
import { machine } from "node:os";
import { join } from "node:path";
import type { Context, Env } from "../../tools/core/context.ts";
import type { Architecture } from "../../tools/machine/machine-spec.ts";
import type { ImageFeature } from "../../tools/scenario/image-feature.ts";
import { findHostGo } from "./build-go.ts";
import type { GoToolchain } from "./build-go.ts";
import { isReachable } from "./fetch-k3s-release.ts";
import type { PartCache } from "./open-part-cache.ts";
import { parsePrograms } from "./parse-programs.ts";
import type { GoProgram } from "./parse-programs.ts";
import { planArchitecture } from "./plan-architecture.ts";
import type { TestbedArchitecture } from "./plan-architecture.ts";
import { planReleasePart, selectPrograms } from "./plan-guest.ts";
import { planHash } from "./plan-parts.ts";
import { readFileDigest, readTreeDigests } from "./read-digests.ts";
import { planReleaseUrl, selectK3s } from "./select-k3s.ts";
import type { K3sChoice } from "./select-k3s.ts";

const HERE = import.meta.dirname;
const REPOSITORY = join(HERE, "../..");

/** Files of this folder that shape what parts contain, so that a change in them makes those parts again. */
const BUILDERS = {
  bootFiles: ["build-boot-files.ts", "plan-modules.ts", "guest-init.sh"],
  image: ["write-oci-archive.ts", "render-oci-layout.ts"],
  disk: ["build-disk.ts", "assemble-disk.sh"],
} as const;

export type Digests = Readonly<Record<string, string>>;

/** Everything that decides what the testbed will be, read once. */
export interface TestbedInputs {
  readonly architecture: TestbedArchitecture;
  /** What the guest has beyond the ordinary one. */
  readonly features: readonly ImageFeature[];
  readonly env: Env;
  readonly cacheRoot: string;
  /** The host's `uname -m`. */
  readonly hostMachine: string;
  readonly k3s: K3sChoice;
  /** sha256 of the k3s binary, where it is a file of the user's. */
  readonly k3sDigest: string | undefined;
  /** The programs that go into this guest. */
  readonly programs: readonly GoProgram[];
  /** GOARCH and what goes with it. */
  readonly goTarget: Readonly<Record<string, string>>;
  /** The host's Go; undefined where it has none that is new enough, so that one has to be brought. */
  readonly hostGo: GoToolchain | undefined;
  readonly goTags: readonly string[];
  /** Digests of what each Go program is built from, by its package: its own folder, where it has one, and what pins the modules. */
  readonly goSources: Readonly<Record<string, Digests>>;
  readonly guestTree: Digests;
  readonly onDeviceFiles: Digests;
  readonly builders: Readonly<Record<keyof typeof BUILDERS, Digests>>;
  readonly paths: {
    readonly go: string;
    readonly guestTree: string;
    readonly onDeviceFiles: string;
    readonly assembleScript: string;
    readonly initScript: string;
  };
}

const isTest = (name: string): boolean => name.endsWith("_test.go") || name === "testdata" || name.startsWith(".");

async function readOwnDigests(names: readonly string[]): Promise<Digests> {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFileDigest(join(HERE, name))] as const)));
}

async function readBuilders(): Promise<TestbedInputs["builders"]> {
  const [bootFiles, image, disk] = await Promise.all([
    readOwnDigests(BUILDERS.bootFiles),
    readOwnDigests(BUILDERS.image),
    readOwnDigests(BUILDERS.disk),
  ]);
  return { bootFiles, image, disk };
}

/** What the module of all programs says of the Go that it needs. */
async function readGoNeeded(goDir: string): Promise<string> {
  return /^go (\S+)$/mu.exec(await readFile(join(goDir, "go.mod"), "utf8"))?.[1] ?? "1.0";
}

async function readGoSources(goDir: string, programs: readonly GoProgram[]): Promise<Readonly<Record<string, Digests>>> {
  const pins = { "go.mod": await readFileDigest(join(goDir, "go.mod")), "go.sum": await readFileDigest(join(goDir, "go.sum")) };
  const sources = await Promise.all(
    programs.map(async ({ package: name }) => {
      const own = name.startsWith("./") ? await readTreeDigests(join(goDir, name), { base: goDir, skip: isTest }) : {};
      return [name, { ...pins, ...own }] as const;
    }),
  );
  return Object.fromEntries(sources);
}

/**
 * Reads the sources and the host: digests of all files, the Go there is, which k3s can be had. Throws ConfigError when programs.yaml is not
 * what it should be, and the errors of node:fs.
 */
export async function readTestbedInputs(
  ctx: Context,
  options: {
    arch: Architecture;
    features: readonly ImageFeature[];
    k3sFile: string | undefined;
    cache: PartCache;
    cacheRoot: string;
  },
): Promise<TestbedInputs> {
  const architecture = planArchitecture(options.arch);
  const paths = {
    go: join(HERE, "go"),
    guestTree: join(HERE, "guest"),
    onDeviceFiles: join(REPOSITORY, "recipes-containers/k3s/files"),
    assembleScript: join(HERE, "assemble-disk.sh"),
    initScript: join(HERE, "guest-init.sh"),
  };
  const listPath = join(paths.go, "programs.yaml");
  const list = parsePrograms(await readFile(listPath, "utf8"), listPath);

  async function readK3s(): Promise<K3sChoice> {
    const { k3sAsset: asset, k3sSha256: sha256 } = architecture;
    const choose = (release: "cached" | "reachable" | "unreachable"): K3sChoice =>
      selectK3s({ file: options.k3sFile, asset, sha256, release });
    if (options.k3sFile !== undefined || sha256 === undefined) return choose("unreachable");
    const part = planReleasePart(architecture, sha256);
    const cached = await options.cache.findHash(part.name, planHash(part.name, part.inputs));
    if (cached !== undefined) return choose("cached");
    return choose((await isReachable(ctx, planReleaseUrl(asset))) ? "reachable" : "unreachable");
  }

  const [k3s, k3sDigest, guestTree, onDeviceFiles, builders] = await Promise.all([
    readK3s(),
    options.k3sFile === undefined ? undefined : readFileDigest(options.k3sFile),
    readTreeDigests(paths.guestTree, { base: REPOSITORY }),
    readTreeDigests(paths.onDeviceFiles, { base: REPOSITORY, skip: (name) => name.endsWith(".test.ts") }),
    readBuilders(),
  ]);
  const programs = selectPrograms(list.programs, { k3s: k3s.kind, features: options.features });
  const [needed, goSources] = await Promise.all([readGoNeeded(paths.go), readGoSources(paths.go, programs)]);
  return {
    architecture,
    features: options.features,
    env: ctx.env,
    cacheRoot: options.cacheRoot,
    hostMachine: machine(),
    k3s,
    k3sDigest,
    programs,
    goTarget: list.architectures[architecture.goArch],
    hostGo: await findHostGo(ctx, needed),
    goTags: list.tags,
    goSources,
    guestTree,
    onDeviceFiles,
    builders,
    paths,
  };
}
