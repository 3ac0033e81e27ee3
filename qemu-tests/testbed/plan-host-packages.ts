import type { Architecture } from "../../tools/machine/machine-spec.ts";
import { planArchitecture } from "./plan-architecture.ts";

/** A Debian or Ubuntu package that building the testbed takes on the host. */
export interface HostPackage {
  readonly name: string;
  /** What it is for: "packs the initial RAM disk". */
  readonly why: string;
  /** How to see that it is there: a command on PATH (or in /usr/sbin), or a file. */
  readonly probe: { readonly kind: "command"; readonly command: string } | { readonly kind: "file"; readonly path: string };
}

function command(name: string, program: string, why: string): HostPackage {
  return { name, why, probe: { kind: "command", command: program } };
}

const ALWAYS: readonly HostPackage[] = [
  command("mmdebstrap", "mmdebstrap", "makes the guest's Debian root filesystem"),
  {
    name: "debian-archive-keyring",
    why: "verifies the packages in it",
    probe: { kind: "file", path: "/usr/share/keyrings/debian-archive-keyring.gpg" },
  },
  command("e2fsprogs", "mkfs.ext4", "makes the disk image from it"),
  command("cpio", "cpio", "packs the initial RAM disk"),
  command("xz-utils", "xz", "unpacks the kernel modules in it"),
  command("make", "make", "installs the layer's on-device files into the guest"),
  command("util-linux", "flock", "keeps two builds from making the same part"),
];

/**
 * The packages that building a testbed of that architecture takes on this host. `uid` is the user's, `machine` what `uname -m` says, and
 * `hasGo` whether a new enough Go is there already.
 */
export function planHostPackages(options: {
  arch: Architecture;
  uid: number;
  machine: string;
  hasGo: boolean;
}): readonly HostPackage[] {
  const { unameMachines, qemuUser } = planArchitecture(options.arch);
  const foreign = !unameMachines.includes(options.machine);
  return [
    ...ALWAYS,
    ...(options.hasGo ? [] : [command("python3-venv", "python3", "installs the Go compiler from PyPI")]),
    ...(options.uid === 0 ? [] : [command("uidmap", "newuidmap", "lets an ordinary user own the guest's files")]),
    ...(foreign
      ? [
          command("qemu-user-static", `${qemuUser}-static`, "runs the guest's own programs while it is put together"),
          command("binfmt-support", "update-binfmts", "starts them without being asked"),
        ]
      : []),
  ];
}

/** What the tests of the testbed take beyond that. */
export const TEST_PACKAGES: readonly HostPackage[] = [
  command("skopeo", "skopeo", "reads the image archives with somebody else's eyes"),
];
