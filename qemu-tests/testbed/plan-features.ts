import type { ImageFeature } from "../../tools/scenario/image-feature.ts";
import type { TestbedArchitecture } from "./plan-architecture.ts";

/** What a feature changes in the making of the root filesystem. */
export interface RootfsFeature {
  /** Names of Debian packages. */
  readonly packages: readonly string[];
  /** Sections of Debian's archive beside "main" that they come from. */
  readonly components: readonly string[];
  /** Shell commands for mmdebstrap's --customize-hook; "$1" is the root filesystem's folder. */
  readonly hooks: readonly string[];
}

/**
 * ZFS is no part of Debian's kernels: package zfs-dkms compiles it for each kernel whose headers are there. What it took to make it, several hundred MiB,
 * stays: a hook that runs the host's package tools removes packages of the host.
 */
function planZfs(architecture: TestbedArchitecture): RootfsFeature {
  const building = ["zfs-dkms", architecture.kernelPackage.replace("linux-image-", "linux-headers-")];
  return {
    packages: [...building, "zfsutils-linux"],
    components: ["contrib"],
    hooks: [
      [
        "set -eu",
        "export DEBIAN_FRONTEND=noninteractive",
        'release=$(basename "$1"/boot/vmlinuz-*)',
        "release=${release#vmlinuz-}",
        "modules=$1/usr/lib/modules/$release",
        'chroot "$1" /usr/sbin/dkms autoinstall -k "$release" || { tail -n 40 "$1"/var/lib/dkms/zfs/*/build/make.log >&2; exit 1; }',
        'chroot "$1" /usr/sbin/depmod "$release"',
        'grep -q "^updates/dkms/zfs[.]ko" "$modules/modules.dep"',
      ].join("\n"),
    ],
  };
}

/**
 * PostgreSQL and etcd as Debian's packages leave them, but that nothing starts by itself. A database, and the key that package ssl-cert made at
 * its installation, are one machine's and no image's.
 */
const DATASTORES: RootfsFeature = {
  packages: ["etcd-client", "etcd-server", "openssl", "postgresql-17"],
  components: [],
  hooks: [
    '[ ! -e "$1/etc/postgresql/17/main" ] || chroot "$1" pg_dropcluster 17 main',
    'rm -f "$1"/etc/ssl/private/ssl-cert-snakeoil.key "$1"/etc/ssl/certs/ssl-cert-snakeoil.pem',
    'chroot "$1" systemctl disable etcd.service postgresql.service',
  ],
};

/** How a feature comes into the root filesystem of an architecture. */
export function planFeature(feature: ImageFeature, architecture: TestbedArchitecture): RootfsFeature {
  switch (feature) {
    case "datastores":
      return DATASTORES;
    case "fuse-overlayfs":
      // containerd mounts it through mount.fuse3.
      return { packages: ["fuse-overlayfs", "fuse3"], components: [], hooks: [] };
    case "zfs":
      return planZfs(architecture);
  }
}

/** The middle of the names of parts that have these features, "" for none: "-zfs". The order in which they are given does not matter. */
export function formatFeatures(features: readonly ImageFeature[]): string {
  return [...new Set(features)]
    .sort()
    .map((feature) => `-${feature}`)
    .join("");
}
