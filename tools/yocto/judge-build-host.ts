import type { HostCheck } from "../host/host-need.ts";
import type { BuildHostState } from "./build-host-state.ts";
import { formatPackageInstall, selectCommandPackages } from "./plan-host-commands.ts";
import { DISK_WITH_REMOVAL_MIB, DISK_WITHOUT_REMOVAL_MIB } from "./plan-host-settings.ts";

/** Memory below which the larger C++ recipes and the linking of k3s are killed. Estimate: docs/build.md. */
const NEEDED_MEMORY_MIB = 8 * 1024;
/** What a parse of all layers watches with inotify, rounded up. */
const NEEDED_WATCHES = 65_536;
const NEEDED_INSTANCES = 128;

/** Lowest versions: openembedded-core's sanity.bbclass of yocto-6.0.2; python3 is kas's and BitBake's (f-strings, zstd, venv). */
const LOWEST = { python3: "3.10", git: "2.25", tar: "1.28", make: "4.0", patch: "2.7", gcc: "10.1" } as const;

function isOlder(version: string, lowest: string): boolean {
  const [a, b] = [version, lowest].map((text) => text.split(".").map(Number));
  for (const [index, wanted] of (b ?? []).entries()) {
    const found = a?.[index] ?? 0;
    if (found !== wanted) return found < wanted;
  }
  return false;
}

function pass(name: string, found: string): HostCheck {
  return { name, status: "ok", found, repair: undefined };
}

function fail(name: string, found: string, repair: string): HostCheck {
  return { name, status: "missing", found, repair };
}

function judgeUser(state: BuildHostState): readonly HostCheck[] {
  const sudo = state.isRoot ? "" : "sudo ";
  const namespaces = (): HostCheck => {
    if (state.userNamespaceProblem === undefined) return pass("user namespaces", "BitBake can cut tasks off the network");
    const repair = state.appArmorRestricts
      ? `${sudo}sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (for good: a file in /etc/sysctl.d)`
      : `${sudo}sysctl -w user.max_user_namespaces=15000; in a container: run it with --security-opt seccomp=unconfined`;
    return fail("user namespaces", `an ordinary user cannot make one: ${state.userNamespaceProblem}`, repair);
  };
  const locale = (): HostCheck => {
    if (state.hasLocale) return pass("locale", "en_US.UTF-8");
    if (state.canMakeLocale) return pass("locale", "en_US.UTF-8 is missing; setup makes a private one with localedef");
    const repair =
      state.family === "debian"
        ? `${formatPackageInstall(["locales"], state)} && ${sudo}localedef -i en_US -f UTF-8 en_US.UTF-8`
        : formatPackageInstall([state.family === "fedora" ? "glibc-langpack-en" : "glibc-locale"], state);
    return fail("locale", "en_US.UTF-8 is missing, without which BitBake stops", repair);
  };
  return [
    state.isRoot
      ? fail("user", "you are root, which BitBake refuses", "useradd -m builder, then run this as that user (su - builder)")
      : pass("user", "not root"),
    locale(),
    namespaces(),
    (state.umask & 0o755) === 0
      ? pass("umask", `0${state.umask.toString(8)}`)
      : fail("umask", `0${state.umask.toString(8)} takes rights that the image needs`, "umask 022"),
    state.tmpIsNoexec
      ? fail("/tmp", "is mounted noexec", `${sudo}mount -o remount,exec /tmp`)
      : pass("/tmp", "programs can run from it"),
    /\/(dash|bash)(\.|$)/.test(state.shell)
      ? pass("/bin/sh", state.shell)
      : fail("/bin/sh", `is ${state.shell}, and must be dash or bash`, `${sudo}ln -sf dash /bin/sh`),
    ...(state.isWsl1 ? [fail("WSL", "this is WSL 1, where BitBake does not work", "wsl --set-version DISTRIBUTION 2")] : []),
  ];
}

function judgeTools(state: BuildHostState): readonly HostCheck[] {
  const checks: HostCheck[] = [];
  const packages = selectCommandPackages(state.missingCommands, state.family);
  checks.push(
    state.missingCommands.length === 0
      ? pass("commands", "all that BitBake asks of a host")
      : fail(
          "commands",
          `missing from /usr/sbin:/usr/bin:/sbin:/bin: ${state.missingCommands.join(" ")}`,
          formatPackageInstall(packages.length === 0 ? state.missingCommands : packages, state),
        ),
  );
  for (const [name, lowest] of Object.entries(LOWEST)) {
    const found = state.versions[name as keyof typeof LOWEST];
    if (found === undefined) continue;
    checks.push(
      isOlder(found, lowest)
        ? fail(
            name,
            `version ${found} is older than ${lowest}`,
            `install a newer ${name}, or Yocto's buildtools (scripts/install-buildtools)`,
          )
        : pass(name, found),
    );
  }
  if (!state.tarIsGnu) checks.push(fail("tar", "is not GNU tar", formatPackageInstall(["tar"], state)));
  if (state.missingPythonModules.length > 0) {
    const debian = state.missingPythonModules.some((name) => name === "ensurepip" || name === "venv") ? ["python3-venv"] : [];
    const repair = state.family === "debian" ? [...debian, "libpython3-stdlib"] : ["python3"];
    checks.push(fail("Python modules", `missing: ${state.missingPythonModules.join(" ")}`, formatPackageInstall(repair, state)));
  }
  if (state.missingPerlModules.length > 0) {
    const names = state.missingPerlModules.map((name) => `perl(${name})`);
    const repair = state.family === "fedora" ? names.map((name) => `'${name}'`) : ["perl"];
    checks.push(fail("Perl modules", `missing: ${state.missingPerlModules.join(" ")}`, formatPackageInstall(repair, state)));
  }
  return checks;
}

function gib(mib: number): string {
  return `${Math.round(mib / 1024)} GiB`;
}

function judgeFolder(state: BuildHostState): readonly HostCheck[] {
  const { work } = state;
  const wrong = [...new Set(work.folder.match(/[^!-~]|[+@%]/gu))].map((char) => (char === " " ? "a space" : char));
  const elsewhere = "choose another folder: --dir /a/plain/path on a local disk";
  const problems = [
    ...(wrong.length === 0 ? [] : [`its path has ${wrong.join(" and ")}`]),
    ...(work.folder.length > 330 ? ["its path is too long"] : []),
    ...(work.folder.startsWith("/usr/") || work.folder.startsWith("/etc/") ? ["pseudo ignores it (PSEUDO_IGNORE_PATHS)"] : []),
    ...(work.networkFileSystem === undefined ? [] : [`it is on ${work.networkFileSystem}`]),
    ...(work.caseSensitive ? [] : ["its file system does not tell upper from lower case"]),
    ...(work.longNames ? [] : ["its file system cannot hold names of 200 characters (eCryptfs?)"]),
    ...(work.writable ? [] : ["you may not write to it"]),
    ...(work.setgid ? ["it has the setgid bit (chmod g-s cures that)"] : []),
  ];
  const disk = (): HostCheck => {
    const found = `${gib(work.freeMib)} free`;
    if (work.freeMib >= DISK_WITHOUT_REMOVAL_MIB) return pass("disk", found);
    if (work.freeMib >= DISK_WITH_REMOVAL_MIB) {
      return pass("disk", `${found}; below ${gib(DISK_WITHOUT_REMOVAL_MIB)} setup turns rm_work on`);
    }
    return {
      name: "disk",
      status: "warning",
      found: `${found}; a build keeps about ${gib(DISK_WITH_REMOVAL_MIB)} even with rm_work (estimate)`,
      repair: "free some space, or choose a larger disk with --dir",
    };
  };
  return [
    problems.length === 0 ? pass("folder", work.folder) : fail("folder", `${work.folder}: ${problems.join(", ")}`, elsewhere),
    disk(),
  ];
}

function judgeLimits(state: BuildHostState): readonly HostCheck[] {
  const sudo = state.isRoot ? "" : "sudo ";
  const limit = (name: string, value: number, needed: number, key: string): HostCheck =>
    value >= needed
      ? pass(name, String(value))
      : { name, status: "warning", found: `${value}, ${needed} is safe`, repair: `${sudo}sysctl -w ${key}=${needed * 4}` };
  return [
    state.memoryMib >= NEEDED_MEMORY_MIB
      ? pass("memory", `${state.memoryMib} MiB`)
      : {
          name: "memory",
          status: "warning",
          found: `${state.memoryMib} MiB; below ${NEEDED_MEMORY_MIB} MiB large recipes may be killed (estimate)`,
          repair: "use a larger machine, or add swap",
        },
    limit("inotify watches", state.inotifyWatches, NEEDED_WATCHES, "fs.inotify.max_user_watches"),
    limit("inotify instances", state.inotifyInstances, NEEDED_INSTANCES, "fs.inotify.max_user_instances"),
    ...state.unreachable.map((entry): HostCheck => ({
      name: entry.host,
      status: entry.needed ? "missing" : "warning",
      found: `cannot be reached (${entry.problem}); ${entry.why}`,
      repair: entry.without,
    })),
  ];
}

/** Judges a host for a build with BitBake: each check with the command that repairs it. "missing" stops BitBake later; "warning" may. */
export function judgeBuildHost(state: BuildHostState): readonly HostCheck[] {
  return [...judgeUser(state), ...judgeTools(state), ...judgeFolder(state), ...judgeLimits(state)];
}
