import { expect, test } from "vitest";
import type { BuildHostState } from "./build-host-state.ts";
import { judgeBuildHost } from "./judge-build-host.ts";
import { formatPackageInstall, planHostCommands, selectCommandPackages } from "./plan-host-commands.ts";

const healthy: BuildHostState = {
  family: "debian",
  distribution: "Debian GNU/Linux 12 (bookworm)",
  isRoot: false,
  cpus: 8,
  memoryMib: 32_000,
  umask: 0o022,
  hasPressure: true,
  hasLocale: true,
  canMakeLocale: true,
  missingCommands: [],
  missingPythonModules: [],
  missingPerlModules: [],
  versions: { python3: "3.11.2", git: "2.39.5", tar: "1.34", make: "4.3", patch: "2.7.6", gcc: "12.2.0" },
  tarIsGnu: true,
  userNamespaceProblem: undefined,
  appArmorRestricts: false,
  inotifyWatches: 500_000,
  inotifyInstances: 1024,
  tmpIsNoexec: false,
  shell: "/usr/bin/dash",
  work: {
    folder: "/home/builder/meta-k3s/build/yocto",
    freeMib: 300_000,
    networkFileSystem: undefined,
    caseSensitive: true,
    longNames: true,
    writable: true,
    setgid: false,
  },
  unreachable: [],
  isWsl1: false,
};

test("a host that can build passes every check", () => {
  expect(judgeBuildHost(healthy).filter((check) => check.status !== "ok")).toEqual([]);
});

test.each<[string, Partial<BuildHostState>, string, RegExp]>([
  ["user", { isRoot: true }, "missing", /useradd/],
  ["locale", { hasLocale: false, canMakeLocale: false }, "missing", /localedef -i en_US/],
  ["user namespaces", { userNamespaceProblem: "Operation not permitted", appArmorRestricts: true }, "missing", /apparmor_restrict/],
  ["user namespaces", { userNamespaceProblem: "Operation not permitted" }, "missing", /seccomp/],
  ["umask", { umask: 0o077 }, "missing", /^umask 022$/],
  ["/tmp", { tmpIsNoexec: true }, "missing", /remount,exec/],
  ["/bin/sh", { shell: "/usr/bin/zsh" }, "missing", /dash/],
  ["WSL", { isWsl1: true }, "missing", /wsl --set-version/],
  ["commands", { missingCommands: ["chrpath", "pzstd"] }, "missing", /^sudo apt-get install .* chrpath zstd$/],
  ["gcc", { versions: { ...healthy.versions, gcc: "9.4.0" } }, "missing", /newer gcc/],
  ["tar", { tarIsGnu: false }, "missing", /tar$/],
  ["Python modules", { missingPythonModules: ["ensurepip"] }, "missing", /python3-venv/],
  [
    "Perl modules",
    { missingPerlModules: ["Thread::Queue"], family: "fedora" },
    "missing",
    /dnf install -y 'perl\(Thread::Queue\)'/,
  ],
  ["folder", { work: { ...healthy.work, folder: "/home/a b/c+d" } }, "missing", /--dir/],
  ["folder", { work: { ...healthy.work, folder: "/home/jürgen" } }, "missing", /--dir/],
  ["folder", { work: { ...healthy.work, networkFileSystem: "nfs" } }, "missing", /local disk/],
  ["folder", { work: { ...healthy.work, caseSensitive: false } }, "missing", /--dir/],
  ["folder", { work: { ...healthy.work, writable: false } }, "missing", /--dir/],
  ["disk", { work: { ...healthy.work, freeMib: 20_000 } }, "warning", /larger disk/],
  ["memory", { memoryMib: 4000 }, "warning", /larger machine/],
  ["inotify watches", { inotifyWatches: 8192 }, "warning", /fs\.inotify\.max_user_watches=/],
  [
    "git.openembedded.org",
    { unreachable: [{ host: "git.openembedded.org", problem: "ENOTFOUND", needed: true, why: "w", without: "do y" }] },
    "missing",
    /^do y$/,
  ],
  [
    "sstate.yoctoproject.org",
    { unreachable: [{ host: "sstate.yoctoproject.org", problem: "ENOTFOUND", needed: false, why: "w", without: "do x" }] },
    "warning",
    /^do x$/,
  ],
])("%s is judged: %j", (name, change, status, repair) => {
  const found = judgeBuildHost({ ...healthy, ...change }).filter((check) => check.status !== "ok");
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ name, status, repair: expect.stringMatching(repair) });
});

test("a locale that setup can make itself stops nothing", () => {
  const checks = judgeBuildHost({ ...healthy, hasLocale: false });
  expect(checks.find((check) => check.name === "locale")).toMatchObject({
    status: "ok",
    found: expect.stringContaining("localedef"),
  });
});

test("every command that BitBake asks for has a package in each family of distributions", () => {
  for (const family of ["debian", "fedora", "suse", "arch"] as const) {
    for (const command of planHostCommands()) expect(selectCommandPackages([command], family)).not.toEqual([]);
  }
  expect(selectCommandPackages(["gcc"], "other")).toEqual([]);
  expect(formatPackageInstall(["file"], { family: "suse", isRoot: true })).toBe("zypper install -y file");
});
