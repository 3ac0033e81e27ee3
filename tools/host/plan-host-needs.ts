import type { HostNeed, Purpose } from "./host-need.ts";

function command(name: string, packageName: string, why: string, purposes: readonly Purpose[]): HostNeed {
  return { name, probe: { kind: "command", command: name }, package: packageName, why, purposes };
}

function file(name: string, path: string, packageName: string, why: string, purposes: readonly Purpose[]): HostNeed {
  return { name, probe: { kind: "file", path }, package: packageName, why, purposes };
}

/** Every host program that meta-k3s runs, by package names of Debian 12, 13 and Ubuntu 24.04. A need that no code has any more is deleted here. */
const needs: readonly HostNeed[] = [
  command("qemu-system-x86_64", "qemu-system-x86", "boots virtual machines; the testbed brings its own", ["test"]),
  command("qemu-img", "qemu-utils", "makes the overlay that keeps the image unchanged", ["demo", "test"]),
  command("mmdebstrap", "mmdebstrap", "makes the Debian root filesystem of the testbed", ["demo", "test"]),
  file(
    "Debian archive keys",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "debian-archive-keyring",
    "verifies what the testbed's root filesystem is made of",
    ["demo", "test"],
  ),
  command("mkfs.ext4", "e2fsprogs", "makes the testbed's disk image", ["demo", "test"]),
  command("make", "make", "installs the layer's on-device files as the recipe does", ["demo", "test"]),
  command("ssh-keygen", "openssh-client", "makes the keys of each run", ["demo", "test"]),
  command("setpriv", "util-linux", "ends QEMU when this tool dies", ["demo", "test"]),
  command("flock", "util-linux", "keeps two builds from making the same part", ["demo", "test"]),
  command("cpio", "cpio", "packs the testbed's initial RAM disk", ["demo", "test"]),
  command("xz", "xz-utils", "unpacks the kernel modules in it", ["demo", "test"]),
  command("gcc", "gcc", "compiles SQLite for the testbed's k3s stand-in", ["demo", "test"]),
  file("C library headers", "/usr/include/stdlib.h", "libc6-dev", "compiles SQLite for the testbed's k3s stand-in", [
    "demo",
    "test",
  ]),
  command("newuidmap", "uidmap", "lets an ordinary user own the files of the testbed's root filesystem", ["demo", "test"]),
  {
    name: "Python's venv",
    probe: { kind: "python-module", module: "ensurepip" },
    package: "python3-venv",
    why: "installs the pinned Go compiler and BitBake's library from PyPI",
    purposes: ["demo", "test"],
  },
  command("git", "git", "fetches and reads sources in the project's own tests", ["test"]),
  command("flex", "flex", "builds the kernel's Kconfig in the project's own tests", ["test"]),
  command("bison", "bison", "builds the kernel's Kconfig in the project's own tests", ["test"]),
  command("wget", "wget", "is what BitBake's fetcher downloads with in the project's own tests", ["test"]),
  command("sshd", "openssh-server", "is what the project's own tests of SSH talk to", ["test"]),
  command("openssl", "openssl", "makes certificates for the project's own tests", ["test"]),
  command("skopeo", "skopeo", "reads the testbed's image archives in the project's own tests", ["test"]),
  command("chromium", "chromium", "shows the HTML report in the project's own tests", ["test"]),
  command("xmllint", "libxml2-utils", "checks the JUnit report in the project's own tests", ["test"]),
  command("ip", "iproute2", "makes the networks of the devices that the layer's scripts are tested on", ["test"]),
  command("iptables-nft", "iptables", "has the rules that the layer's scripts take away in the project's own tests", ["test"]),
  command("nft", "nftables", "has the tables that the layer's scripts take away in the project's own tests", ["test"]),
  command("ipset", "ipset", "has the sets that the layer's scripts take away in the project's own tests", ["test"]),
  command("busybox", "busybox", "is the shell that the layer's scripts are tested under, and all of a small device's programs", [
    "test",
  ]),
  command("mkfs.btrfs", "btrfs-progs", "makes the data partitions that the layer's scripts are tested on", ["test"]),
  command("sfdisk", "fdisk", "makes the disks with partitions that the layer's scripts and images are tested on", ["test"]),
  command("shellcheck", "shellcheck", "finds mistakes in the shell scripts in the project's own tests", ["test"]),
  command("dash", "dash", "is another shell that the layer's scripts are tested under", ["test"]),
  command("qemu-system-aarch64", "qemu-system-arm", "boots arm64 and armhf machines", ["foreign"]),
  file("user-mode emulation", "/usr/bin/qemu-aarch64-static", "qemu-user-static", "makes root filesystems of other architectures", [
    "foreign",
  ]),
  command("arch-test", "arch-test", "tells mmdebstrap whether this host runs programs of another architecture", ["foreign"]),
  command("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", "compiles SQLite for the arm64 testbed", ["foreign"]),
  file(
    "arm64 C library",
    "/usr/aarch64-linux-gnu/include/stdlib.h",
    "libc6-dev-arm64-cross",
    "compiles SQLite for the arm64 testbed",
    ["foreign"],
  ),
  command("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf", "compiles SQLite for the armhf testbed", ["foreign"]),
  file(
    "armhf C library",
    "/usr/arm-linux-gnueabihf/include/stdlib.h",
    "libc6-dev-armhf-cross",
    "compiles SQLite for the armhf testbed",
    ["foreign"],
  ),
  command("update-binfmts", "binfmt-support", "starts programs of other architectures without being asked", ["foreign"]),
];

/** The needs of the purposes given. Go is not among them: where the host has none that is new enough, a pinned wheel brings it. */
export function planHostNeeds(purposes: readonly Purpose[]): readonly HostNeed[] {
  return needs.filter((need) => need.purposes.some((purpose) => purposes.includes(purpose)));
}
