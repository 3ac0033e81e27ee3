import type { Architecture } from "../../tools/machine/machine-spec.ts";
import { planArchitecture } from "./plan-architecture.ts";

/** A Debian or Ubuntu package that building the testbed takes on the host. */
export interface HostPackage {
  readonly name: string;
  /** What it is for, as the end of "needed …". */
  readonly why: string;
  /** A program of it; where that is on PATH (or in /usr/sbin) the package is as good as installed. */
  readonly program: string;
}

const ALWAYS: readonly HostPackage[] = [
  { name: "mmdebstrap", program: "mmdebstrap", why: "to make the guest's Debian root filesystem" },
  { name: "e2fsprogs", program: "mkfs.ext4", why: "to make the disk image from it" },
  { name: "cpio", program: "cpio", why: "to pack the initial RAM disk" },
  { name: "xz-utils", program: "xz", why: "to unpack the kernel modules in it" },
  { name: "make", program: "make", why: "to install the layer's on-device files into the guest" },
  { name: "util-linux", program: "flock", why: "to keep two builds from making the same part" },
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
    ...(options.hasGo ? [] : [{ name: "python3-venv", program: "python3", why: "to install the Go compiler from PyPI" }]),
    ...(options.uid === 0 ? [] : [{ name: "uidmap", program: "newuidmap", why: "to own the guest's files without being root" }]),
    ...(foreign
      ? [
          {
            name: "qemu-user-static",
            program: `${qemuUser}-static`,
            why: "to run the guest's own programs while it is put together",
          },
          { name: "binfmt-support", program: "update-binfmts", why: "to run them without knowing" },
        ]
      : []),
  ];
}

/** What the tests of the testbed take beyond that. */
export const TEST_PACKAGES: readonly HostPackage[] = [
  { name: "skopeo", program: "skopeo", why: "to read the image archives with somebody else's eyes" },
];
