import type { ImageFeature } from "../../tools/scenario/image-feature.ts";
import type { GoProgram } from "./parse-programs.ts";
import type { TestbedArchitecture } from "./plan-architecture.ts";
import { K3S_VERSION } from "./select-k3s.ts";
import type { K3sChoice } from "./select-k3s.ts";

/** Where k3s imports images from at its start. */
export const IMAGES_DIR = "/var/lib/rancher/k3s/agent/images";
/** With this file there, empty at first as in the layer's images (k3s-device-files.bbclass), k3s imports an archive only when it changed. */
export const IMPORT_NOTE = `${IMAGES_DIR}/.cache.json`;

/** What Debian's packages start or schedule and a k3s device does without; each costs seconds of an emulated CPU. */
const MASKED = [
  "apt-daily-upgrade.timer",
  "apt-daily.timer",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "fstrim.timer",
  "getty@tty1.service",
  "ldconfig.service",
  "modprobe@drm.service",
  "proc-sys-fs-binfmt_misc.automount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "systemd-hibernate-clear.service",
  "systemd-hwdb-update.service",
  "systemd-journal-catalog-update.service",
  "systemd-networkd-persistent-storage.service",
  "systemd-pcrphase-sysinit.service",
  "systemd-pcrphase.service",
  "systemd-pstore.service",
  "systemd-random-seed.service",
  "systemd-rfkill.socket",
  "systemd-sysusers.service",
  "systemd-tmpfiles-clean.timer",
  "systemd-udev-load-credentials.service",
  "systemd-update-done.service",
];

/** CNI plugins of Debian's that k3s looks for; they are names of one place, since k3s takes the folder of host-local for all. */
const CNI_PLUGINS = ["bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap"];

/** Edits of the root filesystem, in the words of assemble-disk.sh. */
export function planEdits(options: { k3s: K3sChoice["kind"]; programs: readonly GoProgram[] }): readonly string[] {
  const { k3s, programs } = options;
  const inGuest = programs.filter((program) => program.guest !== undefined);
  const realK3s = k3s !== "stand-in";
  return [
    ...MASKED.map((unit) => `mask ${unit}`),
    // k3s starts a containerd of its own.
    "disable containerd.service multi-user.target",
    "disable remote-fs.target multi-user.target",
    "enable systemd-networkd.service multi-user.target",
    "enable systemd-networkd-wait-online.service network-online.target",
    "enable k3s.service multi-user.target",
    "link /usr/lib/systemd/system/multi-user.target /etc/systemd/system/default.target",
    ...CNI_PLUGINS.map((plugin) => `hardlink /usr/lib/cni/${plugin} /usr/libexec/k3s/${plugin}`),
    "link /usr/bin/containerd-shim-runc-v2 /usr/libexec/k3s/containerd-shim-runc-v2",
    "link /usr/sbin/runc /usr/libexec/k3s/runc",
    ...(realK3s
      ? [
          "link /usr/bin/k3s /usr/libexec/k3s/containerd",
          ...["kubectl", "crictl", "ctr"].map((name) => `link k3s /usr/bin/${name}`),
        ]
      : ["link /usr/bin/containerd /usr/libexec/k3s/containerd"]),
    ...inGuest.flatMap((program) => program.links.map((path) => `link ${program.guest ?? ""} ${path}`)),
  ];
}

/** The programs that a guest with that k3s and these features holds: a real k3s brings its own of those that only the stand-in needs. */
export function selectPrograms(
  programs: readonly GoProgram[],
  guest: { readonly k3s: K3sChoice["kind"]; readonly features: readonly ImageFeature[] },
): readonly GoProgram[] {
  return programs.filter(
    ({ standinOnly, feature }) =>
      (guest.k3s === "stand-in" || !standinOnly) && (feature === undefined || guest.features.includes(feature)),
  );
}

/** Name of an image's archive: the last part of its reference. */
export function planArchiveName(reference: string): string {
  return `${(reference.split("/").at(-1) ?? "").replace(":", "-")}.tar`;
}

/** /etc/meta-k3s-testbed.json: tells whoever looks into the guest what it is made of. */
export function renderGuestRecord(options: {
  arch: string;
  suite: string;
  k3s: { readonly kind: K3sChoice["kind"]; readonly version: string | undefined; readonly sha256: string | undefined };
  programs: readonly GoProgram[];
  parts: Readonly<Record<string, string>>;
}): string {
  const record = {
    schemaVersion: 1,
    what: "meta-k3s testbed: Debian with the layer's on-device files",
    arch: options.arch,
    debian: options.suite,
    k3s: options.k3s,
    standIn: options.k3s.kind === "stand-in",
    programs: Object.fromEntries(options.programs.map((program) => [program.output, program.version])),
    images: Object.fromEntries(
      options.programs.flatMap((program) => (program.image === undefined ? [] : [[program.image.reference, program.version]])),
    ),
    parts: options.parts,
  };
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** Name and inputs of the part that holds a k3s release's binary. */
export function planReleasePart(
  architecture: TestbedArchitecture,
  sha256: string,
): { readonly name: string; readonly inputs: Readonly<Record<string, string>> } {
  return { name: `k3s-release-${architecture.debian}`, inputs: { "the release": K3S_VERSION, "its sha256": sha256 } };
}
