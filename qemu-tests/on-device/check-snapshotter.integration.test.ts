import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device, type DeviceShell } from "./open-device.ts";
import type { Told } from "./parse-told.ts";
import { skipWithoutDisks, skipWithoutNamespaces } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutNamespaces);

const CONFIG = "/etc/rancher/k3s/config.yaml";
const SNAPSHOTTER = "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1";
const SILENT = { status: 0, text: "" };

/** What is on the device, whose root is a tmpfs, before the script is run for k3s.service. */
interface Case {
  /** Files by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** The unit's command line. */
  readonly command?: string;
  /** Shell lines before it. */
  readonly before?: string;
}

function write(path: string, content: string): string {
  return `mkdir -p "$(dirname ${path})"\ncat >${path} <<'CONTENT'\n${content}\nCONTENT`;
}

async function check(
  on: Device,
  shell: DeviceShell,
  { files = {}, command = "/usr/bin/k3s server", before = "" }: Case,
): Promise<Told> {
  const lines = [
    ...Object.entries({ "/run/units/k3s.service.command": command, ...files }).map(([path, content]) => write(path, content)),
    before,
    "tell check run check-snapshotter k3s.service",
  ];
  const told = await on.run(shell, lines.join("\n"));
  return told["check"] ?? { status: -1, text: "the script was not run" };
}

function refused(words: string): Told {
  return { status: 1, text: expect.stringMatching(new RegExp(`^check-snapshotter: snapshotter ${words}`, "u")) as string };
}

function left(words: string): Told {
  return { status: 0, text: `check-snapshotter: ${words}: left to k3s` };
}

async function expectUnprepared(on: Device, shell: DeviceShell): Promise<void> {
  for (const name of ["zfs", "btrfs"]) {
    const told = await check(on, shell, { files: { [CONFIG]: `snapshotter: ${name}` } });
    expect(told).toEqual(
      refused(
        `'${name}' \\(${CONFIG}\\): ${SNAPSHOTTER}\\.${name} must be on ${name} before k3s starts, but is on tmpfs mounted at /\\. With`,
      ),
    );
    // One line, so that the journal has it together.
    expect(told.text).not.toContain("\n");
  }
}

async function expectUnknown(on: Device, shell: DeviceShell): Promise<void> {
  expect(await check(on, shell, { files: { [CONFIG]: "snapshotter: overlay" } })).toEqual(
    refused(`'overlay' \\(${CONFIG}\\): k3s has none of this name: write overlayfs, native, btrfs, zfs or fuse-overlayfs$`),
  );
}

async function expectDefault(on: Device, shell: DeviceShell): Promise<void> {
  expect(await check(on, shell, {})).toEqual(SILENT);
  const before = `mkdir /tmp/upper /tmp/work /var/lib/rancher/merged
mount -t tmpfs none /tmp && mkdir /tmp/upper /tmp/work
mount -t overlay -o lowerdir=/etc,upperdir=/tmp/upper,workdir=/tmp/work none /var/lib/rancher`;
  expect(await check(on, shell, { before })).toEqual(
    refused(
      "'overlayfs' \\(the default\\): .*\\.overlayfs is on overlay mounted at /var/lib/rancher, on which no overlay can be kept: put",
    ),
  );
}

/** Whose word counts: the last file's, and before all the command line's. Each gives another name that nobody knows. */
async function expectOrder(on: Device, shell: DeviceShell): Promise<void> {
  const files = {
    [CONFIG]: "snapshotter: one\n# snapshotter: comment",
    [`${CONFIG}.d/20.yml`]: "snapshotter: three",
    [`${CONFIG}.d/10.yaml`]: "snapshotter: two",
    [`${CONFIG}.d/30.yaml.bak`]: "snapshotter: four",
    [`${CONFIG}.d/40.yaml`]: "node-label: [snapshotter=five]",
  };
  expect(await check(on, shell, { files })).toEqual(refused(`'three' \\(${CONFIG}\\.d/20\\.yml\\)`));
  for (const words of ["--snapshotter six", "--snapshotter=six", "-snapshotter six --debug"])
    expect(await check(on, shell, { files, command: `/usr/bin/k3s server ${words}` })).toEqual(
      refused("'six' \\(the command line of k3s\\.service\\)"),
    );
}

async function expectOtherPlaces(on: Device, shell: DeviceShell): Promise<void> {
  const files = { "/etc/other.yaml": "snapshotter: other", [CONFIG]: "snapshotter: usual" };
  const command = "/usr/bin/k3s server --config /etc/other.yaml";
  expect(await check(on, shell, { files, command })).toEqual(refused("'other' \\(/etc/other\\.yaml\\)"));
  expect(await check(on, shell, { files, command: "/usr/bin/k3s server -c=/etc/other.yaml" })).toEqual(refused("'other'"));
  expect(await check(on, shell, { files, before: "device_env=K3S_CONFIG_FILE=/etc/other.yaml" })).toEqual(refused("'other'"));
  const state = { [CONFIG]: "data-dir: /srv/k3s # elsewhere\nsnapshotter: btrfs" };
  expect(await check(on, shell, { files: state })).toEqual(refused(".*: /srv/k3s/agent/containerd/io"));
  const before = "device_env=K3S_DATA_DIR=/srv/env";
  expect(await check(on, shell, { files: { [CONFIG]: "snapshotter: btrfs" }, before })).toEqual(refused(".*: /srv/env/agent/"));
}

async function expectForms(on: Device, shell: DeviceShell): Promise<void> {
  for (const form of [
    "snapshotter: 'zfs'",
    'snapshotter: "zfs"',
    '"snapshotter":  zfs   # mine',
    "snapshotter: zfs\r",
    "snapshotter+: zfs",
  ])
    expect(await check(on, shell, { files: { [CONFIG]: form } })).toEqual(refused("'zfs'"));
  for (const form of [
    "{snapshotter: zfs}",
    "  snapshotter: zfs",
    "snapshotter: [zfs]",
    "snapshotter:\n  zfs",
    "snapshotter: >-\n  zfs",
  ])
    expect(await check(on, shell, { files: { [CONFIG]: form } })).toEqual(
      left(`${CONFIG} says its snapshotter in more than 'snapshotter: NAME'`),
    );
  expect(await check(on, shell, { files: { [CONFIG]: "data-dir: ~/k3s\nsnapshotter: zfs" } })).toEqual(
    left(`${CONFIG} says its data-dir in other words than an absolute path`),
  );
}

async function expectNotOurs(on: Device, shell: DeviceShell): Promise<void> {
  for (const config of ["docker: true", "container-runtime-endpoint: unix:///run/other.sock"])
    expect(await check(on, shell, { files: { [CONFIG]: `snapshotter: zfs\n${config}` } })).toEqual(SILENT);
  expect(await check(on, shell, { files: { [CONFIG]: "snapshotter: zfs\ndocker: false" } })).toEqual(refused("'zfs'"));
  const template = "/var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.tmpl";
  expect(await check(on, shell, { files: { [CONFIG]: "snapshotter: soci", [template]: "" } })).toEqual(
    left(`snapshotter 'soci' (${CONFIG}) is none of k3s's own, but there is ${template}`),
  );
  const images = "/var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.d/10-device.toml";
  expect(await check(on, shell, { files: { [CONFIG]: "snapshotter: overlay", [images]: "" } })).toEqual(
    refused(".*k3s has none of this name"),
  );
  for (const name of ["native", "stargz"])
    expect(await check(on, shell, { files: { [CONFIG]: `snapshotter: ${name}` } })).toEqual(SILENT);
}

const PROGRAM = (name: string): string =>
  `mkdir -p /tmp/own && printf '#!/bin/sh\\n' >/tmp/own/${name} && chmod +x /tmp/own/${name} && device_path=/tmp/own:$device_path`;

async function expectPrograms(on: Device, shell: DeviceShell): Promise<void> {
  const files = { [CONFIG]: "snapshotter: fuse-overlayfs" };
  expect(await check(on, shell, { files })).toEqual(
    refused(".* needs the program fuse-overlayfs, .* install k3s-fuse-overlayfs, or"),
  );
  expect(await check(on, shell, { files, before: PROGRAM("fuse-overlayfs") })).toEqual(
    refused(".* needs the program mount\\.fuse3, which is not in PATH .* install fuse3-utils, or"),
  );
  const before = `${PROGRAM("fuse-overlayfs")}\n${PROGRAM("mount.fuse3")}`;
  expect(await check(on, shell, { files, before })).toEqual(SILENT);
}

/** The kernel's list of file systems, of which one is taken away, and a modprobe that brings nothing. */
const WITHOUT = (type: string): string =>
  `grep -v ${type} /proc/filesystems >/tmp/filesystems && mount --bind /tmp/filesystems /proc/filesystems\n${PROGRAM("modprobe")}`;

async function expectKernel(on: Device, shell: DeviceShell): Promise<void> {
  expect(await check(on, shell, { before: WITHOUT("overlay") })).toEqual(
    refused("'overlayfs' \\(the default\\): the kernel has no overlay filesystem"),
  );
  const before = `${WITHOUT("fuse")}\n${PROGRAM("fuse-overlayfs")}\n${PROGRAM("mount.fuse3")}`;
  expect(await check(on, shell, { files: { [CONFIG]: "snapshotter: fuse-overlayfs" }, before })).toEqual(
    refused(".*: the kernel has no fuse \\(CONFIG_FUSE_FS\\)"),
  );
}

const CHECKS = {
  unprepared: expectUnprepared,
  unknown: expectUnknown,
  default: expectDefault,
  order: expectOrder,
  places: expectOtherPlaces,
  forms: expectForms,
  "not ours": expectNotOurs,
  programs: expectPrograms,
  kernel: expectKernel,
} as const;

async function expectCheck(on: Device, shell: DeviceShell, name: keyof typeof CHECKS): Promise<void> {
  await CHECKS[name](on, shell);
}

const DISK = `truncate -s 128M /tmp/disk
loop=$(losetup --find --show /tmp/disk)
exec 9<>"$loop"
losetup --detach "$loop"
mkfs.btrfs -q "$loop" >/dev/null`;

function mounted(path: string): string {
  return `${DISK}\nmkdir -p ${path}\nmount -t btrfs "$loop" ${path}`;
}

/** btrfs counts at the directory itself, and above it; beside it does not. */
async function expectPrepared(on: Device, shell: DeviceShell): Promise<void> {
  const files = { [CONFIG]: "snapshotter: btrfs" };
  expect(await check(on, shell, { files, before: mounted(`${SNAPSHOTTER}.btrfs`) })).toEqual(SILENT);
  expect(await check(on, shell, { files, before: mounted("/var/lib/rancher") })).toEqual(SILENT);
  expect(
    await check(on, shell, { files, before: `${mounted("/mnt/data")}\nrm -rf /var/lib/rancher\nln -s /mnt/data /var/lib/rancher` }),
  ).toEqual(SILENT);
  const beside = `${mounted(`${SNAPSHOTTER}.btr`)}\nmkdir ${SNAPSHOTTER}.btrfs`;
  expect(await check(on, shell, { files, before: beside })).toEqual(refused("'btrfs'"));
  const covered = `${mounted("/var/lib/rancher")}\nmount -t tmpfs none /var/lib/rancher`;
  expect(await check(on, shell, { files, before: covered })).toEqual(refused("'btrfs' .* is on tmpfs mounted at /var/lib/rancher"));
}

describe.each(DEVICE_SHELLS)("check-snapshotter under %s", (shell) => {
  it.each([
    ["a snapshotter without its filesystem is refused, with what is there and what to do", "unprepared"],
    ["a name that k3s does not know is refused", "unknown"],
    ["the default goes unsaid, but not on an overlay", "default"],
    ["the last file counts, and the command line before it", "order"],
    ["the file and the state may be elsewhere", "places"],
    ["a name is read in each form of one line, and any other left to k3s", "forms"],
    ["what k3s's own containerd does not have to know is let through", "not ours"],
    ["fuse-overlayfs needs its program, and the one that mounts it", "programs"],
    ["a kernel without the filesystem is told", "kernel"],
  ] as const)("%s", async (_, name) => {
    await expectCheck(device, shell, name);
  });
});

describe("on a disk with btrfs", () => {
  beforeEach(skipWithoutDisks(["btrfs"]));

  it.each(DEVICE_SHELLS)("check-snapshotter under %s lets the snapshotter through", async (shell) => {
    await expectPrepared(device, shell);
  });

  it.each([
    { why: "a longer name beside counts too", from: 'index(path, at "/") != 1', to: "index(path, at) != 1" },
    {
      why: "the first mount at a place counts",
      from: "if (length(at) < length(found)) next",
      to: "if (length(at) <= length(found)) next",
    },
    { why: "links are not followed", from: 'path=$(readlink -f "$path")', to: ":" },
  ])("the check fails where $why", async ({ from, to }) => {
    await using defective = await openDevice({ file: FILE, from, to });
    await expect(expectPrepared(defective, "dash")).rejects.toThrow("expected");
  });
});

it("where systemd does not tell the command line, the files alone are looked at, and that is said", async () => {
  const before = "rm /run/units/k3s.service.command";
  const told = await check(device, "busybox sh", { files: { [CONFIG]: "snapshotter: zfs" }, before });
  expect(told.status).toBe(1);
  expect(told.text.split("\n")).toEqual([
    "check-snapshotter: systemd does not tell k3s.service's command line: its files alone are looked at",
    expect.stringContaining("snapshotter 'zfs'"),
  ]);
});

const FILE = "/usr/libexec/k3s/check-snapshotter";

describe("each check fails", () => {
  it.each([
    { check: "unprepared", why: "nothing is done", from: "\nset -eu\n", to: "\nexit 0\n" },
    { check: "unprepared", why: "the filesystem is not looked at", from: '"$1 "*) ;;', to: "*) ;;" },
    { check: "unknown", why: "any name is let through", from: "native | devmapper |", to: "* | native | devmapper |" },
    { check: "default", why: "an overlay is not looked for", from: "overlay\\ * | vfat", to: "vfat" },
    { check: "order", why: "the files' order is another one", from: "LC_ALL=C sort |", to: "LC_ALL=C sort -r |" },
    { check: "order", why: "any file counts", from: "*.[Yy][Mm][Ll]) echo", to: "*) echo" },
    { check: "order", why: "the command line does not count", from: '" | settings_of_arguments', to: '" | true' },
    { check: "places", why: "--config is not heard", from: "/^(-c|--?config)$/", to: "/^(-x)$/" },
    { check: "places", why: "K3S_CONFIG_FILE is not heard", from: "config=${K3S_CONFIG_FILE:-", to: "config=${K3S_CONFIG:-" },
    { check: "places", why: "data-dir is not heard", from: "last_of data-dir d", to: "last_of data d" },
    { check: "places", why: "K3S_DATA_DIR is not heard", from: "${K3S_DATA_DIR:-", to: "${K3S_DATA:-" },
    { check: "forms", why: "a comment is taken for the name", from: 'sub(/[ \\t]#.*/, "", value)', to: "1" },
    { check: "forms", why: "a map in one line is passed over", from: '{ print "snapshotter|?|" where }', to: "{ }" },
    { check: "forms", why: "a relative path is taken", from: '*) leave "${setting#*|}', to: '*) : "${setting#*|}' },
    { check: "not ours", why: "another runtime is looked at", from: "*) exit 0 ;;", to: "*) ;;" },
    { check: "not ours", why: "templates are not looked for", from: '[ ! -f "$template" ] ||', to: "true ||" },
    { check: "programs", why: "programs are not looked for", from: 'command -v "$1" >/dev/null 2>&1 ||', to: "true ||" },
    { check: "kernel", why: "the kernel is not asked", from: 'grep -q "[[:space:]]$1\\$" /proc/filesystems || {', to: "true || {" },
  ] as const)("$check: where $why", async ({ check: name, from, to }) => {
    await using defective = await openDevice({ file: FILE, from, to });
    await expect(expectCheck(defective, "dash", name)).rejects.toThrow("expected");
  });
});
