import type { ImageFeature } from "../../tools/scenario/image-feature.ts";
import type { TestbedArchitecture } from "./plan-architecture.ts";
import { planFeature } from "./plan-features.ts";

/** The Debian release of the guest: 13, whose systemd, kernel and containerd are near Yocto's of today. */
export const SUITE = "trixie";

/** What the guest has, and why. Nothing else gets in but what these depend on. */
const PACKAGES: Readonly<Record<string, string>> = {
  "btrfs-progs": "the btrfs snapshotter and its data disk",
  "busybox-static": "the initial RAM disk and the busybox image",
  "ca-certificates": "TLS to anything outside",
  conntrack: "kube-proxy",
  containerd: "the stand-in's container runtime",
  "containernetworking-plugins": "bridge, host-local, loopback, portmap",
  dbus: "systemctl over D-Bus, the kubelet's systemd cgroup driver",
  e2fsprogs: "a data disk's file system",
  ipset: "NetworkPolicy",
  iproute2: "k3s-killall.sh, flannel and whoever looks into it",
  iptables: "kube-proxy and the CNI plugins",
  kmod: "modprobe",
  mount: "everything",
  nftables: "a look at what iptables-nft wrote",
  "openssh-server": "how the harness gets in",
  procps: "free, ps and sysctl for the failure bundle",
  runc: "containers",
  systemd: "init",
  "systemd-sysv": "init",
  "systemd-timesyncd": "a clock that time-sync.target can wait for",
  "tiny-initramfs": "fulfils the kernel package's dependency; the testbed makes its own initial RAM disk",
  udev: "device names",
  "util-linux": "nsenter, findmnt, flock",
};

const APT_OPTIONS = ['Acquire::Languages "none"', 'APT::Install-Recommends "false"', 'Acquire::Retries "3"'];

const DPKG_OPTIONS = [
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/locale/*",
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/lintian/*",
  "force-unsafe-io",
];

/** Keys that belong to one device are not an image's to give; the list of busybox's names is for the busybox image. */
const CUSTOMIZE_HOOKS = [
  'rm -f "$1"/etc/ssh/ssh_host_*',
  ': > "$1/etc/machine-id"',
  'mkdir -p "$1/usr/share/meta-k3s-testbed"; chroot "$1" busybox --list > "$1/usr/share/meta-k3s-testbed/busybox-applets"',
];

/**
 * A hook after which apt knows one more Debian release, from the mirror and with the keys that mmdebstrap chose for the guest's own. What is wanted
 * of it says so by name ("package/release"): of two versions apt takes the newer.
 */
function planMoreSuite(suite: string): string {
  const list = '"$1"/etc/apt/sources.list';
  const more = `${list}.d/${suite}.list`;
  return `sed -n 's/ ${SUITE} main/ ${suite} main/p' ${list} >${more}; test -s ${more}`;
}

export interface RootfsPlan {
  /** Arguments of mmdebstrap up to its mode, output and mirror, which do not change what comes out. */
  readonly options: readonly string[];
  readonly packages: readonly string[];
}

/** What mmdebstrap (1) is asked for: the smallest Debian of that architecture that a k3s device with these features can be. */
export function planRootfs(architecture: TestbedArchitecture, features: readonly ImageFeature[] = []): RootfsPlan {
  const more = features.map((feature) => planFeature(feature, architecture));
  const packages = [
    ...new Set([...Object.keys(PACKAGES), architecture.kernelPackage, ...more.flatMap((feature) => feature.packages)]),
  ].sort();
  const moreSuites = new Set(packages.flatMap((name) => name.split("/")[1] ?? []));
  return {
    packages,
    options: [
      "--variant=essential",
      "--format=tar",
      `--architectures=${architecture.debian}`,
      `--components=${["main", ...new Set(more.flatMap((feature) => feature.components))].join(",")}`,
      ...APT_OPTIONS.map((option) => `--aptopt=${option}`),
      ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
      ...[...moreSuites].map((suite) => `--setup-hook=${planMoreSuite(suite)}`),
      ...[...more.flatMap((feature) => feature.hooks), ...CUSTOMIZE_HOOKS].map((hook) => `--customize-hook=${hook}`),
      `--include=${packages.join(",")}`,
    ],
  };
}
