import { access, constants, mkdir, mkdtemp, readFile, realpath, rm, stat, statfs, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import type { Context } from "../core/context.ts";
import type { BuildHostState, DistributionFamily } from "./build-host-state.ts";
import { planHostCommands } from "./plan-host-commands.ts";
import { readReachability } from "./read-reachability.ts";

/** The PATH that kas gives to BitBake, whatever the user's is (kas/libkas.py, get_build_environ). */
const BUILD_PATH = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const MIB = 1024 * 1024;
/** Magic number of NFS, statfs(2). */
const NFS_MAGIC = 0x6969;

/** A host that a build asks for something. */
export interface NeededHost {
  readonly url: string;
  readonly needed: boolean;
  readonly why: string;
  /** What to do where it cannot be reached. */
  readonly without: string;
}

async function isThere(path: string, mode = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

function familyOf(osRelease: string): DistributionFamily {
  const value = (key: string): string => new RegExp(`^${key}=["']?([^"'\n]*)`, "m").exec(osRelease)?.[1] ?? "";
  const ids = [value("ID"), ...value("ID_LIKE").split(" ")];
  if (ids.some((id) => ["debian", "ubuntu"].includes(id))) return "debian";
  if (ids.some((id) => ["fedora", "rhel", "centos"].includes(id))) return "fedora";
  if (ids.some((id) => id === "suse" || id.startsWith("opensuse"))) return "suse";
  return ids.includes("arch") ? "arch" : "other";
}

async function versionOf(ctx: Context, program: string, argument = "--version"): Promise<string | undefined> {
  const result = await ctx.exec.run([join("/usr/bin", program), argument]);
  return result.notFound ? undefined : /\d+(\.\d+)+/.exec(result.stdout)?.[0];
}

async function selectFailing(ctx: Context, names: readonly string[], argv: (name: string) => string[]): Promise<readonly string[]> {
  const failing = await Promise.all(names.map(async (name) => ((await ctx.exec.run(argv(name))).status === 0 ? [] : [name])));
  return failing.flat();
}

async function readWorkFolder(folder: string): Promise<BuildHostState["work"]> {
  let existing = folder;
  while (!(await isThere(existing))) existing = dirname(existing);
  const space = await statfs(existing);
  const writable = await isThere(existing, constants.W_OK);
  const common = {
    folder,
    freeMib: Math.round((space.bavail * space.bsize) / MIB),
    networkFileSystem: space.type === NFS_MAGIC ? "nfs" : undefined,
    writable,
    setgid: ((await stat(existing)).mode & 0o2000) !== 0,
  };
  if (!writable) return { ...common, caseSensitive: true, longNames: true };
  await mkdir(folder, { recursive: true });
  const probe = await mkdtemp(join(folder, ".probe-"));
  try {
    await writeFile(join(probe, "case"), "");
    const caseSensitive = !(await isThere(join(probe, "CASE")));
    const longNames = await writeFile(join(probe, "x".repeat(200)), "").then(
      () => true,
      () => false,
    );
    return { ...common, caseSensitive, longNames };
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

async function readUserNamespaceProblem(ctx: Context): Promise<string | undefined> {
  const result = await ctx.exec.run(["unshare", "--user", "--map-root-user", "--net", "true"]);
  return result.status === 0 ? undefined : result.stderr.trim().split("\n").at(-1);
}

async function readMissingCommands(): Promise<readonly string[]> {
  const missing = await Promise.all(
    planHostCommands().map(async (name) => {
      const found = await Promise.all(BUILD_PATH.map((folder) => isThere(join(folder, name), constants.X_OK)));
      return found.includes(true) ? [] : [name];
    }),
  );
  return missing.flat();
}

/** Looks at a host for a build in `workFolder`; makes that folder to see what its file system can do. */
export async function readBuildHost(ctx: Context, workFolder: string, hosts: readonly NeededHost[]): Promise<BuildHostState> {
  const osRelease = await readText("/etc/os-release");
  const number = async (path: string): Promise<number> => Number((await readText(path)).trim() || Number.POSITIVE_INFINITY);
  const locales = await ctx.exec.run(["locale", "-a"]);
  const tar = await ctx.exec.run(["/usr/bin/tar", "--version"]);
  const mounts = (await readText("/proc/self/mounts")).split("\n").map((line) => line.split(" "));
  const reached = await Promise.all(
    hosts.map(async (entry) => ({ ...entry, host: new URL(entry.url).hostname, problem: await readReachability(ctx, entry.url) })),
  );
  const versions = Object.fromEntries(
    await Promise.all(
      (["python3", "git", "tar", "make", "patch", "gcc"] as const).map(async (name) => [
        name,
        await versionOf(ctx, name, name === "gcc" ? "-dumpfullversion" : "--version"),
      ]),
    ),
  ) as BuildHostState["versions"];
  const perl = ["Text::ParseWords", "Thread::Queue", "Data::Dumper", "File::Compare", "File::Copy", "FindBin"];
  const python = ["xml.parsers.expat", "sqlite3", "ssl", "venv", "ensurepip"];
  return {
    family: familyOf(osRelease),
    distribution: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? "unknown",
    isRoot: process.getuid?.() === 0,
    cpus: cpus().length,
    memoryMib: Math.round(totalmem() / MIB),
    umask: process.umask(),
    hasPressure: await isThere("/proc/pressure/cpu"),
    hasLocale: locales.stdout.split("\n").some((name) => /^en_US\.utf-?8$/i.test(name)),
    canMakeLocale: (await isThere("/usr/bin/localedef")) && (await isThere("/usr/share/i18n/locales/en_US")),
    missingCommands: await readMissingCommands(),
    missingPythonModules: await selectFailing(ctx, python, (name) => ["/usr/bin/python3", "-c", `import ${name}`]),
    missingPerlModules: await selectFailing(ctx, perl, (name) => ["/usr/bin/perl", "-e", `use ${name}`]),
    versions,
    tarIsGnu: tar.stdout.includes("GNU"),
    userNamespaceProblem: await readUserNamespaceProblem(ctx),
    appArmorRestricts: (await readText("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")).trim() === "1",
    inotifyWatches: await number("/proc/sys/fs/inotify/max_user_watches"),
    inotifyInstances: await number("/proc/sys/fs/inotify/max_user_instances"),
    tmpIsNoexec: mounts.some(([, target, , options]) => target === "/tmp" && (options ?? "").split(",").includes("noexec")),
    shell: await realpath("/bin/sh"),
    work: await readWorkFolder(workFolder),
    unreachable: reached.flatMap(({ host, problem, needed, why, without }) =>
      problem === undefined ? [] : [{ host, problem, needed, why, without }],
    ),
    isWsl1: (await readText("/proc/version")).includes("Microsoft"),
  };
}
