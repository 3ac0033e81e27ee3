import { appendFile, copyFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../core/context.ts";
import type { KernelArch } from "../kernel-need.ts";
import type { DebianArch, DebianArchive, DebianPackage } from "./open-debian-archive.ts";

const TIMEOUT_MS = 1_800_000;

/** Each architecture's directory under arch/ and the configuration that its maintainers keep for every machine of it. */
const DEFCONFIGS: Readonly<Record<KernelArch, readonly [string, string]>> = {
  "x86-64": ["x86", "x86_64_defconfig"],
  arm64: ["arm64", "defconfig"],
  arm: ["arm", "multi_v7_defconfig"],
};

/** What `make defconfig` and `make olddefconfig` read of a kernel's sources: a fiftieth of them. */
const KCONFIG_PARTS = ["*/Kconfig*", "*/scripts/*", "*/Makefile", "*/arch/*/configs/*"];

/** What a kernel is configured from. */
export interface KernelSources {
  readonly package: DebianPackage;
  /** Path of the .config that the architecture's defconfig gives; made once. */
  configureBare(arch: KernelArch): Promise<string>;
  /** The same with text appended and `olddefconfig` run, which is how k3s-kernel.bbclass merges its fragments. Gives the path of a new .config. */
  configure(arch: KernelArch, text: string): Promise<string>;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Fills a folder, whole or not at all, unless it is there. */
async function fillOnce(folder: string, fill: (partial: string) => Promise<void>): Promise<void> {
  if (await isThere(folder)) return;
  const partial = `${folder}.${process.pid}.part`;
  await mkdir(partial, { recursive: true });
  try {
    await fill(partial);
    await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/**
 * Opens the Kconfig part of Debian's package linux-source-`series`, kept below `cache`; what is configured goes to `scratch`. Throws CommandError,
 * ConfigError.
 */
export async function openKernelSources(
  ctx: Context,
  archive: DebianArchive,
  options: { readonly series: string; readonly cache: string; readonly scratch: string },
): Promise<KernelSources> {
  const wanted = await archive.find(`linux-source-${options.series}`);
  const folder = join(options.cache, `${wanted.name}_${wanted.version}`);
  await fillOnce(folder, (partial) =>
    archive.download(wanted, async (path) => {
      // The archive in the package is ten times as large as what is wanted of it: it goes from program to program, never to the disk.
      const script =
        'set -o pipefail; deb=$1 member=$2 out=$3; shift 3; dpkg-deb --fsys-tarfile "$deb" | tar -xO "$member" | ' +
        'tar -xJ -C "$out" --strip-components=1 --wildcards --wildcards-match-slash "$@"';
      const member = `./usr/src/${wanted.name}.tar.xz`;
      await ctx.exec.runCheck(["bash", "-c", script, "unpack", path, member, partial, ...KCONFIG_PARTS], { timeoutMs: TIMEOUT_MS });
    }),
  );
  const output = join(options.scratch, wanted.name);
  await mkdir(output, { recursive: true });
  const bare = new Map<KernelArch, Promise<string>>();
  let count = 0;

  async function make(arch: KernelArch, file: string, target: string): Promise<void> {
    const argv = ["make", "-s", "-C", folder, `O=${output}`, `ARCH=${DEFCONFIGS[arch][0]}`, `KCONFIG_CONFIG=${file}`, target];
    await ctx.exec.runCheck(argv, { env: { MAKEFLAGS: undefined, CROSS_COMPILE: undefined }, timeoutMs: TIMEOUT_MS });
  }

  async function makeBare(arch: KernelArch): Promise<string> {
    const file = join(output, `${arch}.config`);
    await make(arch, file, DEFCONFIGS[arch][1]);
    return file;
  }

  async function configureBare(arch: KernelArch): Promise<string> {
    const made = bare.get(arch) ?? makeBare(arch);
    bare.set(arch, made);
    return made;
  }

  return {
    package: wanted,
    configureBare,
    configure: async (arch, text) => {
      const file = join(output, `${arch}-${(count += 1)}.config`);
      await copyFile(await configureBare(arch), file);
      await appendFile(file, text);
      await make(arch, file, "olddefconfig");
      return file;
    },
  };
}

/** Reads a configuration of Debian's own kernels, as package linux-config-`series` has it: `flavour` "none_amd64". Throws CommandError, ConfigError. */
export async function readDebianConfig(
  ctx: Context,
  archive: DebianArchive,
  options: { readonly series: string; readonly cache: string; readonly arch: DebianArch; readonly flavour: string },
): Promise<string> {
  const { series, arch, flavour } = options;
  const wanted = await archive.find(`linux-config-${series}:${arch}`);
  const folder = join(options.cache, `linux-config-${series}_${wanted.version}_${arch}`);
  await fillOnce(folder, (partial) =>
    archive.download(wanted, async (path) => {
      await ctx.exec.runCheck(["dpkg-deb", "-x", path, partial]);
    }),
  );
  const file = join(folder, "usr/src", `linux-config-${series}`, `config.${arch}_${flavour}.xz`);
  return (await ctx.exec.runCheck(["xz", "-dc", file])).stdout;
}
