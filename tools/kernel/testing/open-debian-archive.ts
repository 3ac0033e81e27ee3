import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../core/context.ts";
import { ConfigError, PreflightError } from "../../core/errors.ts";
import { SUITE } from "../../../qemu-tests/testbed/plan-rootfs.ts";
import { readMirror } from "../../../qemu-tests/testbed/run-mmdebstrap.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const BACKPORTS = `${SUITE}-backports`;
const DOWNLOAD_TIMEOUT_MS = 3_000_000;

/** Debian's names of the architectures whose kernel configurations are read. */
export type DebianArch = "amd64" | "arm64" | "armhf";

/** A package as the archive has it. `name` may carry an architecture: "linux-config-6.12:arm64". */
export interface DebianPackage {
  readonly name: string;
  /** "6.12.107-1". */
  readonly version: string;
}

/** Debian's archive, whatever the host's own sources are: its stable kernel, and the newest that is backported to it. */
export interface DebianArchive {
  /** The kernel series that the package linux-source of a suite stands for: "6.12". Throws ConfigError when there is none. */
  readSeries(suite: "stable" | "backports"): Promise<string>;
  /** Throws ConfigError when the archive has no such package. */
  find(name: string): Promise<DebianPackage>;
  /** Downloads a package, verified by apt, gives `use` its path and deletes it. Throws CommandError. */
  download(wanted: DebianPackage, use: (path: string) => Promise<void>): Promise<void>;
}

/** Signatures are verified with Debian's keys alone. Backports of the foreign architectures are not asked for: no test reads them. */
function formatSources(mirror: string): string {
  const signed = `target=Packages signed-by=${KEYRING}`;
  return `deb [${signed}] ${mirror} ${SUITE} main\ndeb [arch=amd64 ${signed}] ${mirror} ${BACKPORTS} main\n`;
}

/** apt.conf(5): package lists of its own, three architectures, nothing of the host's packages or sources; its proxies stay. */
function formatConfiguration(folder: string): string {
  return `#clear APT::Architectures;
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; "armhf"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::Cache "${folder}/cache/";
Dir::Etc::sourcelist "${folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "${folder}/lists/";
Dir::State::status "/dev/null";
`;
}

/**
 * Opens Debian's archive with apt's state below `folder`, and reads its package lists. Throws PreflightError where no mirror is known, CommandError
 * when the lists cannot be had or a signature is wrong.
 */
export async function openDebianArchive(ctx: Context, folder: string): Promise<DebianArchive> {
  const mirror = await readMirror(ctx);
  if (mirror === undefined) {
    throw new PreflightError("no Debian mirror is known: this host's apt has none", {
      checks: [],
      hint: "name one in META_K3S_DEBIAN_MIRROR",
    });
  }
  const downloads = join(folder, "downloads");
  await Promise.all(
    ["lists/partial", "cache/archives/partial", "downloads"].map((name) => mkdir(join(folder, name), { recursive: true })),
  );
  const configuration = join(folder, "apt.conf");
  await writeFile(configuration, formatConfiguration(folder));
  await writeFile(join(folder, "sources.list"), formatSources(mirror));
  const env = { APT_CONFIG: configuration, LC_ALL: "C" };
  // apt-get update makes do with old lists when a mirror fails, unless it is told that any error counts.
  await ctx.exec.runCheck(["apt-get", "update", "--error-on=any"], { env, timeoutMs: DOWNLOAD_TIMEOUT_MS });

  async function readField(name: string, field: string, options: readonly string[] = []): Promise<string> {
    const { stdout } = await ctx.exec.run(["apt-cache", "show", "--no-all-versions", ...options, name], { env });
    const value = new RegExp(`^${field}: (.+)$`, "mu").exec(stdout)?.[1];
    if (value === undefined) throw new ConfigError(`Debian's archive has no package ${name}`, { hint: `look at ${mirror}` });
    return value;
  }

  return {
    readSeries: async (suite) => {
      const release = suite === "stable" ? SUITE : BACKPORTS;
      const depends = await readField("linux-source", "Depends", ["-o", `APT::Default-Release=${release}`]);
      const series = /linux-source-(\d+\.\d+)/u.exec(depends)?.[1];
      if (series === undefined) throw new ConfigError(`linux-source of ${release} depends on no linux-source-X.Y: ${depends}`);
      return series;
    },
    find: async (name) => ({ name, version: await readField(name, "Version") }),
    download: async (wanted, use) => {
      const here = join(downloads, wanted.name.replace(":", "_"));
      await mkdir(here, { recursive: true });
      try {
        const argv = ["apt-get", "download", `${wanted.name}=${wanted.version}`];
        await ctx.exec.runCheck(argv, { cwd: here, env, timeoutMs: DOWNLOAD_TIMEOUT_MS });
        const names = (await readdir(here)).filter((name) => name.endsWith(".deb"));
        await Promise.all(names.map((name) => use(join(here, name))));
      } finally {
        await rm(here, { recursive: true, force: true });
      }
    },
  };
}
