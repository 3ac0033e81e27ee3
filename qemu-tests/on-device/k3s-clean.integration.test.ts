import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device, type DeviceShell } from "./open-device.ts";
import type { Told } from "./parse-told.ts";
import { skipWithoutNamespaces } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutNamespaces);

const K3S = "/var/lib/rancher/k3s";
const SNAPSHOTTER = `${K3S}/agent/containerd/io.containerd.snapshotter.v1`;

/** What k3s-clean keeps in any case: what is a user's or the image's, and the node's password. */
const KEPT = [
  "/etc/rancher/k3s/config.yaml",
  "/etc/rancher/k3s/config.yaml.d/50-users.yaml",
  "/etc/rancher/k3s/kubelet.yaml",
  `${K3S}/agent/images/.cache.json`,
  `${K3S}/agent/images/a.tar`,
  "/var/lib/other/file",
  "/var/log/syslog",
];
const SERVER = [`${K3S}/server/db/state.db`, `${K3S}/server/tls/server-ca.crt`];
const PASSWORD = "/etc/rancher/node/password";
const KUBECONFIG = "/etc/rancher/k3s/k3s.yaml";
const VOLUME = `${K3S}/storage/pvc1/file`;

type Seen = Readonly<Record<string, Told>>;

function lines(told: Told | undefined): readonly string[] {
  return (told?.text ?? "").split("\n").filter((line) => line !== "");
}

/** Runs a command on a device that has been a node, and tells the files left. */
function runOnNode(on: Device, shell: DeviceShell, command: string, before = "", after = ""): Promise<Seen> {
  const script = `. /device/traces.sh\nleave_files\n${before}\ntell run run ${command}\ntell files files\n${after}`;
  return on.run(shell, script);
}

/** Beside its files a node has mounts: the state of snapshotters that have filesystems of their own, and a user's. */
const MOUNTS = `
mkdir -p ${SNAPSHOTTER}.zfs ${K3S}/storage/userdisk "${K3S}/storage/another disk" ${K3S}/agent/mine
mount -t tmpfs zfs ${SNAPSHOTTER}.zfs
mkdir ${SNAPSHOTTER}.zfs/snapshots
echo x >${SNAPSHOTTER}.zfs/snapshots/metadata.db
for path in ${K3S}/storage/userdisk "${K3S}/storage/another disk" ${K3S}/agent/mine; do
  mount -t tmpfs users "$path"
  echo mine >"$path/file"
done
: >/tmp/users
echo mine >/tmp/users
: >${K3S}/agent/images/../bound
mount --bind /tmp/users ${K3S}/agent/bound`;
const USERS = [`${K3S}/agent/bound`, `${K3S}/agent/mine/file`, `${K3S}/storage/another disk/file`, `${K3S}/storage/userdisk/file`];

async function expectNodeForgotten(on: Device, shell: DeviceShell): Promise<void> {
  const told = await runOnNode(on, shell, "k3s-clean", "", `tell note stat -c %s ${K3S}/agent/images/.cache.json`);
  expect(told["run"]).toEqual({ status: 0, text: expect.stringContaining("'k3s-clean --server' deletes that too") });
  expect(lines(told["files"])).toEqual([...KEPT, ...SERVER, PASSWORD, KUBECONFIG, VOLUME].toSorted());
  // The archives are there still, so k3s must not think that it has imported them.
  expect(told["note"]?.text).toBe("0");
}

async function expectServerForgotten(on: Device, shell: DeviceShell): Promise<void> {
  const told = await runOnNode(
    on,
    shell,
    "k3s-clean --server",
    "echo enabled >/run/units/k3s.service.enabled",
    "tell enabled cat /run/units/k3s.service.enabled",
  );
  expect(told["run"]).toEqual({ status: 0, text: "" });
  expect(lines(told["files"])).toEqual([...KEPT, PASSWORD, VOLUME].toSorted());
  expect(told["enabled"]?.text).toBe("disabled");
}

async function expectUninstalled(on: Device, shell: DeviceShell): Promise<void> {
  const told = await runOnNode(
    on,
    shell,
    "k3s-uninstall.sh",
    "for unit in k3s k3s-agent; do echo enabled >/run/units/$unit.service.enabled; done",
    "tell enabled cat /run/units/k3s.service.enabled /run/units/k3s-agent.service.enabled",
  );
  expect(told["run"]).toEqual({ status: 0, text: "" });
  expect(lines(told["files"])).toEqual(KEPT.toSorted());
  expect(told["enabled"]?.text).toBe("disabled\ndisabled");
}

/** A user's mounts inside k3s's directories stay with what is on them, and are named; a snapshotter's filesystem is emptied. */
async function expectMountsKept(on: Device, shell: DeviceShell, command: string): Promise<void> {
  const told = await runOnNode(on, shell, command, MOUNTS, "tell mounts mounts");
  expect(told["run"]?.status).toBe(0);
  expect(lines(told["files"])).toEqual(expect.arrayContaining(USERS));
  expect(told["files"]?.text).not.toContain("metadata.db");
  expect(told["files"]?.text).not.toContain("client-kubelet.crt");
  expect(lines(told["mounts"])).toHaveLength(5);
  expect(told["run"]?.text).toContain(`${K3S}/agent/mine is a mount and stays as it is`);
  expect(told["run"]?.text).not.toContain("snapshotter");
}

describe.each(DEVICE_SHELLS)("under %s", (shell) => {
  it("k3s-clean forgets the node and keeps the server's cluster, settings, archives and volumes", async () => {
    await expectNodeForgotten(device, shell);
  });

  it("k3s-clean --server forgets the cluster too, and leaves the unit disabled", async () => {
    await expectServerForgotten(device, shell);
  });

  it("k3s-uninstall.sh keeps only what is the image's or a user's", async () => {
    await expectUninstalled(device, shell);
  });

  it("k3s-uninstall.sh keeps a user's mounts and what is on them", async () => {
    await expectMountsKept(device, shell, "k3s-uninstall.sh");
  });

  it("state that lies elsewhere, behind links, is deleted there, and the links stay", async () => {
    const told = await runOnNode(
      device,
      shell,
      "k3s-uninstall.sh",
      `mkdir -p /mnt/big "${K3S}/storage/my disk"
for path in ${K3S} /var/lib/kubelet; do
  mv $path /mnt/big
  ln -s /mnt/big/\${path##*/} $path
done
mount -t tmpfs users "${K3S}/storage/my disk"
echo mine >"${K3S}/storage/my disk/file"`,
      "tell big find /mnt/big -type f\ntell kubelet ls -A /var/lib/kubelet/\ntell links ls -d /var/lib/kubelet /var/lib/rancher/k3s/agent/images",
    );
    expect(told["run"]?.status).toBe(0);
    expect(lines(told["big"]).toSorted()).toEqual([
      "/mnt/big/k3s/agent/images/.cache.json",
      "/mnt/big/k3s/agent/images/a.tar",
      "/mnt/big/k3s/storage/my disk/file",
    ]);
    expect(told["kubelet"]).toEqual({ status: 0, text: "" });
    expect(told["links"]?.status).toBe(0);
  });

  it.each(["k3s-clean", "k3s-uninstall.sh"])("%s refuses what it does not understand before it does anything", async (command) => {
    const told = await device.run(
      shell,
      `. /device/traces.sh
leave_files
tell before files
tell wrong run ${command} --everything
tell help run ${command} -h
tell after files`,
    );
    expect(told["wrong"]).toEqual({ status: 2, text: expect.stringContaining("--everything") });
    expect(told["help"]).toEqual({ status: 0, text: expect.stringContaining(`usage: ${command}`) });
    expect(told["after"]).toEqual(told["before"]);
  });
});

it.each(["k3s-clean", "k3s-clean --server"])("%s keeps a user's mounts too", async (command) => {
  await expectMountsKept(device, "busybox sh", command);
});

// All of them end what runs as k3s-killall.sh does, whose own suite goes through the shells.
it.each(["k3s-clean", "k3s-clean --server", "k3s-uninstall.sh"])("%s ends what runs, and twice does no harm", async (command) => {
  const told = await device.run(
    "busybox sh",
    `. /device/traces.sh
leave_links
leave_mounts
users_rules iptables-nft
tell own rules iptables-nft
k3s_rules iptables-nft
leave_files
leave_processes
tell first run ${command}
tell links links
tell sleepers sleepers
tell rules rules iptables-nft
tell once files
tell second run ${command}
tell twice files
tell log cat /run/units/log`,
  );
  expect(told["first"]?.status).toBe(0);
  expect(lines(told["links"])).toEqual(["br0", "lo", "veth2", "veth2p"]);
  expect(lines(told["sleepers"])).toEqual(["sleep 9001", "sleep 9002", "sleep 9003"]);
  expect(told["rules"]).toEqual(told["own"]);
  expect(told["second"]?.status).toBe(0);
  expect(told["twice"]).toEqual(told["once"]);
  // The links to what the image ships come back without a boot.
  expect(told["log"]?.text).toContain("systemd-tmpfiles --create /usr/lib/tmpfiles.d/k3s.conf");
});

it("what cannot be deleted is told, the rest is done, and the command fails", async () => {
  const told = await runOnNode(
    device,
    "dash",
    "k3s-clean",
    "mkdir -p /var/lib/cni\nmount --bind /var/lib/cni /var/lib/cni\nmount -o remount,ro,bind /var/lib/cni",
  );
  expect(told["run"]).toEqual({ status: 1, text: expect.stringMatching(/k3s-clean: \/var\/lib\/cni.* could not be deleted/u) });
  expect(told["files"]?.text).not.toContain("/var/log/pods");
});

it("btrfs and zfs are asked to delete each layer, the latest first", async () => {
  const told = await runOnNode(
    device,
    "dash",
    "k3s-clean",
    `mkdir -p ${SNAPSHOTTER}.btrfs/active/1 ${SNAPSHOTTER}.btrfs/snapshots/2 ${SNAPSHOTTER}.zfs /tmp/own
cat >/tmp/own/btrfs <<'B'
#!/bin/sh
echo "btrfs $*" >>/tmp/asked
rmdir "$3"
B
cat >/tmp/own/zfs <<'Z'
#!/bin/sh
[ "$1" = list ] || { echo "zfs $*" >>/tmp/asked; exit 0; }
printf 'pool/k3s%s\\n' '' /9 /10 /2 /users
Z
cat >/tmp/own/awk <<'A'
#!/bin/sh
# No zfs on this machine: /proc/mounts is told as one that has it would.
case "$*" in *"/proc/mounts") echo pool/k3s ;; *) exec /device/applets/awk "$@" ;; esac
A
chmod +x /tmp/own/*
device_path=/tmp/own:$device_path
mount -t tmpfs zfs ${SNAPSHOTTER}.zfs`,
    "tell asked cat /tmp/asked",
  );
  expect(lines(told["asked"])).toEqual([
    "zfs destroy -r pool/k3s/10",
    "zfs destroy -r pool/k3s/9",
    "zfs destroy -r pool/k3s/2",
    `btrfs subvolume delete ${SNAPSHOTTER}.btrfs/active/1`,
    `btrfs subvolume delete ${SNAPSHOTTER}.btrfs/snapshots/2`,
  ]);
});

describe("each check fails", () => {
  const state = "/usr/libexec/k3s/device-state.sh";
  const checks = {
    clean: expectNodeForgotten,
    "clean --server": expectServerForgotten,
    uninstall: expectUninstalled,
    mounts: (on: Device, shell: DeviceShell) => expectMountsKept(on, shell, "k3s-uninstall.sh"),
  } as const;

  it.each([
    { check: "clean", why: "nothing is deleted", file: "/usr/bin/k3s-clean", from: "\nremove_node_state\n", to: "\n" },
    {
      check: "clean",
      why: "the password is deleted",
      file: "/usr/bin/k3s-clean",
      from: "\nfinish\n",
      to: "\nrm -r /etc/rancher/node\nfinish\n",
    },
    { check: "clean", why: "the archives count as imported", file: state, from: `[ ! -f "$note" ] ||`, to: "true ||" },
    {
      check: "clean --server",
      why: "the option is not heard",
      file: "/usr/bin/k3s-clean",
      from: "--server) server=yes",
      to: "--server) :",
    },
    { check: "uninstall", why: "the archives go", file: state, from: `[ "$entry" = "$kept" ]`, to: "false" },
    {
      check: "uninstall",
      why: "the units stay enabled",
      file: "/usr/bin/k3s-uninstall.sh",
      from: "systemctl disable",
      to: ": disable",
    },
    { check: "mounts", why: "mounts below are not looked for", file: state, from: `[ -z "$(mounts_at "$1/")" ]`, to: "true" },
    {
      check: "mounts",
      why: "a blank is not compared as the kernel writes it",
      file: state,
      from: String.raw`char = "\\040"`,
      to: 'char = " "',
    },
    {
      check: "mounts",
      why: "a mount is emptied",
      file: state,
      from: `is_snapshotter "$entry" || echo`,
      to: `rm -rf "$entry"/*; echo`,
    },
    { check: "mounts", why: "snapshotters are not emptied", file: state, from: "\n\tclear_snapshotters\n", to: "\n" },
  ] as const)("$check: where $why", async ({ check, ...defect }) => {
    await using defective = await openDevice(defect);
    await expect(checks[check](defective, "dash")).rejects.toThrow("expected");
  });
});
