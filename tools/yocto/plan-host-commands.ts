import type { DistributionFamily } from "./build-host-state.ts";

/** Commands that openembedded-core demands (HOSTTOOLS in meta/conf/bitbake.conf, yocto-6.0.2), by the package that brings them. */
interface CommandPackage {
  readonly commands: string;
  readonly debian: string;
  readonly fedora: string;
  readonly suse: string;
  readonly arch: string;
}

const PACKAGES: readonly CommandPackage[] = [
  {
    commands: "ar as ld nm objcopy objdump ranlib readelf strings strip",
    debian: "binutils",
    fedora: "binutils",
    suse: "binutils",
    arch: "binutils",
  },
  {
    commands: "gcc cpp getconf",
    debian: "gcc libc6-dev libc-bin",
    fedora: "gcc cpp glibc-devel",
    suse: "gcc glibc-devel",
    arch: "gcc",
  },
  { commands: "g++", debian: "g++", fedora: "gcc-c++", suse: "gcc-c++", arch: "gcc" },
  { commands: "make", debian: "make", fedora: "make", suse: "make", arch: "make" },
  { commands: "patch", debian: "patch", fedora: "patch", suse: "patch", arch: "patch" },
  { commands: "chrpath", debian: "chrpath", fedora: "chrpath", suse: "chrpath", arch: "chrpath" },
  { commands: "cpio", debian: "cpio", fedora: "cpio", suse: "cpio", arch: "cpio" },
  { commands: "diffstat", debian: "diffstat", fedora: "diffstat", suse: "diffstat", arch: "diffstat" },
  { commands: "cmp diff", debian: "diffutils", fedora: "diffutils", suse: "diffutils", arch: "diffutils" },
  { commands: "file", debian: "file", fedora: "file", suse: "file", arch: "file" },
  { commands: "awk gawk", debian: "gawk", fedora: "gawk", suse: "gawk", arch: "gawk" },
  { commands: "git", debian: "git", fedora: "git", suse: "git", arch: "git" },
  { commands: "perl", debian: "perl", fedora: "perl", suse: "perl", arch: "perl" },
  { commands: "python3", debian: "python3", fedora: "python3", suse: "python3", arch: "python" },
  { commands: "rpcgen", debian: "rpcsvc-proto", fedora: "rpcgen", suse: "rpcgen", arch: "rpcsvc-proto" },
  { commands: "wget", debian: "wget", fedora: "wget", suse: "wget", arch: "wget" },
  { commands: "xz", debian: "xz-utils", fedora: "xz", suse: "xz", arch: "xz" },
  { commands: "zstd pzstd unzstd", debian: "zstd", fedora: "zstd", suse: "zstd", arch: "zstd" },
  { commands: "bzip2 bunzip2", debian: "bzip2", fedora: "bzip2", suse: "bzip2", arch: "bzip2" },
  { commands: "gzip gunzip", debian: "gzip", fedora: "gzip", suse: "gzip", arch: "gzip" },
  { commands: "tar", debian: "tar", fedora: "tar", suse: "tar", arch: "tar" },
  { commands: "find xargs", debian: "findutils", fedora: "findutils", suse: "findutils", arch: "findutils" },
  { commands: "which", debian: "debianutils", fedora: "which", suse: "which", arch: "which" },
  { commands: "hostname", debian: "hostname", fedora: "hostname", suse: "hostname", arch: "inetutils" },
  { commands: "flock getopt", debian: "util-linux", fedora: "util-linux", suse: "util-linux", arch: "util-linux" },
  { commands: "iconv ldd", debian: "libc-bin", fedora: "glibc-common", suse: "glibc", arch: "glibc" },
  { commands: "grep egrep fgrep", debian: "grep", fedora: "grep", suse: "grep", arch: "grep" },
  { commands: "sed", debian: "sed", fedora: "sed", suse: "sed", arch: "sed" },
  { commands: "bash", debian: "bash", fedora: "bash", suse: "bash", arch: "bash" },
  {
    commands:
      "[ basename cat chgrp chmod chown comm cp cut date dd dirname du echo env expand expr false head id install ln ls md5sum mkdir mkfifo mknod mktemp mv od pr printf pwd readlink realpath rm rmdir seq sha1sum sha224sum sha256sum sha384sum sha512sum sleep sort split stat tail tee test touch tr true truncate uname uniq wc",
    debian: "coreutils",
    fedora: "coreutils",
    suse: "coreutils",
    arch: "coreutils",
  },
];

/** Every command that BitBake will ask the host for. */
export function planHostCommands(): readonly string[] {
  return PACKAGES.flatMap((entry) => entry.commands.split(" "));
}

/** Packages of a distribution family that bring these commands, each once, sorted; empty for a family that is not known. */
export function selectCommandPackages(commands: readonly string[], family: DistributionFamily): readonly string[] {
  if (family === "other") return [];
  const wanted = PACKAGES.filter((entry) => entry.commands.split(" ").some((command) => commands.includes(command)));
  return [...new Set(wanted.flatMap((entry) => entry[family].split(" ")))].sort();
}

const INSTALL: Readonly<Record<Exclude<DistributionFamily, "other">, string>> = {
  debian: "apt-get install -y --no-install-recommends",
  fedora: "dnf install -y",
  suse: "zypper install -y",
  arch: "pacman -S --needed --noconfirm",
};

/** The command that installs packages, as the user types it; a sentence where the package manager is not known. */
export function formatPackageInstall(packages: readonly string[], host: { family: DistributionFamily; isRoot: boolean }): string {
  if (host.family === "other") return `install what your distribution calls ${packages.join(", ")}`;
  return `${host.isRoot ? "" : "sudo "}${INSTALL[host.family]} ${packages.join(" ")}`;
}
