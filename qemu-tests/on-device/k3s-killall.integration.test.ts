import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device, type DeviceShell } from "./open-device.ts";
import { skipAloud, skipWithoutNamespaces } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutNamespaces);

const DONE = { status: 0, text: "" };

async function expectContainersEnded(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `. /device/traces.sh
leave_processes
tell before sleepers
tell killall run k3s-killall.sh
tell after sleepers`,
  );
  const all = ["700", "800", "900"].flatMap((start) => [1, 2, 3].map((child) => `sleep ${start}${child}`));
  expect(told["before"]?.text.split("\n")).toEqual(all);
  expect(told["killall"]).toEqual(DONE);
  expect(told["after"]?.text.split("\n")).toEqual(all.slice(6));
}

async function expectUnitsStopped(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `cd /run/units
for unit in k3s.service kubepods.slice; do : >$unit.installed; echo active >$unit.active; done
tell killall run k3s-killall.sh
tell states grep . k3s.service.active kubepods.slice.active
tell log cat log`,
  );
  expect(told["killall"]).toEqual(DONE);
  expect(told["states"]?.text).toBe("k3s.service.active:inactive\nkubepods.slice.active:inactive");
  // A unit that is not on this device is not asked to stop.
  expect(told["log"]?.text).not.toContain("stop k3s-agent.service");
}

async function expectMountsGone(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `. /device/traces.sh
leave_mounts
tell before mounts
tell killall run k3s-killall.sh
tell after mounts
tell netns ls /run/netns`,
  );
  expect(told["before"]?.text.split("\n")).toHaveLength(14);
  expect(told["killall"]).toEqual(DONE);
  expect(told["after"]?.text.split("\n")).toEqual([
    "/mnt/users",
    "/run/k3sx",
    "/run/netns",
    "/run/netns/user",
    "/var/lib/kubelet/mine",
    String.raw`/var/lib/rancher/k3s/storage/another\040disk`,
    "/var/lib/rancher/k3s/storage/userdisk",
  ]);
  expect(told["netns"]?.text).toBe("user");
}

async function expectLinksGone(on: Device, shell: DeviceShell, path = "$device_path"): Promise<void> {
  const told = await on.run(
    shell,
    `. /device/traces.sh
leave_links
device_path=${path}
tell before links
tell killall run k3s-killall.sh
tell after links
tell routes routes`,
  );
  expect(told["before"]?.text.split("\n")).toEqual(["br0", "cni0", "flannel.1", "lo", "veth1", "veth1p", "veth2", "veth2p"]);
  expect(told["killall"]).toEqual(DONE);
  expect(told["after"]?.text.split("\n")).toEqual(["br0", "lo", "veth2", "veth2p"]);
  expect(told["routes"]?.text.replaceAll(/ .*/gu, "").split("\n")).toEqual([
    "10.9.0.0/24",
    "10.50.0.0/24",
    "fd00:50::/64",
    "fd09::/64",
  ]);
}

async function expectRulesGone(on: Device, shell: DeviceShell, frontend: string, context?: TestContext): Promise<void> {
  const told = await on.run(
    shell,
    `. /device/traces.sh
tell own users_rules ${frontend}
tell before rules ${frontend}
tell added k3s_rules ${frontend}
tell between rules ${frontend}
tell killall run k3s-killall.sh
tell after rules ${frontend}`,
  );
  if (context !== undefined && told["own"]?.status !== 0) {
    skipAloud(context, `this kernel does not take rules by ${frontend}: ${told["own"]?.text}`);
  }
  expect(told["added"]).toEqual(DONE);
  expect(told["between"]?.text).toContain("-j KUBE-SERVICES");
  expect(told["killall"]?.status).toBe(0);
  // Debian 12's ip6tables-nft-restore (1.8.9) does not take the counters that it is given.
  const counter = frontend === "ip6tables-nft" ? "" : "[7:420] ";
  expect(told["before"]?.text).toContain(`${counter}-A MINE -p tcp -m tcp --dport 22 -j RETURN`);
  expect(told["after"]?.text).toBe(told["before"]?.text);
}

describe.each(DEVICE_SHELLS)("k3s-killall.sh under %s", (shell) => {
  it("ends k3s's containers with all below them, and no other runtime's", async () => {
    await expectContainersEnded(device, shell);
  });

  it("stops the units that are there, and the pods' slice", async () => {
    await expectUnitsStopped(device, shell);
  });

  it("takes its mounts and network namespaces away, and leaves a user's", async () => {
    await expectMountsGone(device, shell);
  });

  it("takes its interfaces and routes away, and leaves a user's", async () => {
    await expectLinksGone(device, shell);
  });

  it.for(["iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"])(
    "takes its %s rules away, and leaves a user's with their counters",
    async (frontend, context) => {
      await expectRulesGone(device, shell, frontend, context);
    },
  );

  it("takes its nft tables and address sets away, and leaves a user's", async () => {
    const told = await device.run(
      shell,
      `for table in "ip kube-proxy" "ip6 kube-proxy" "ip flannel-ipv4" "inet cni_hostport" "inet mine" "ip kube-mine"; do nft add table $table; done
for set in KUBE-SRC-1 mine MYKUBE-DST; do ipset create $set hash:ip; done
ipset create inet6:KUBE-DST-2 hash:ip family inet6
iptables-nft -A INPUT -m set --match-set KUBE-SRC-1 src -j ACCEPT && iptables-nft -D INPUT 1
tell killall run k3s-killall.sh
tell tables nft list tables
tell sets ipset list -n`,
    );
    expect(told["killall"]).toEqual(DONE);
    expect(told["tables"]?.text.split("\n").toSorted()).toEqual(["table inet mine", "table ip filter", "table ip kube-mine"]);
    expect(told["sets"]?.text.split("\n").toSorted()).toEqual(["MYKUBE-DST", "mine"]);
  });

  it("deletes no file, and a second run has nothing to do", async () => {
    const told = await device.run(
      shell,
      `. /device/traces.sh
leave_files
tell before files
leave_links
leave_mounts
users_rules iptables-nft
k3s_rules iptables-nft
tell first run k3s-killall.sh
tell after files
state() { mounts; links; routes; rules iptables-nft; }
tell once state
tell second run k3s-killall.sh
tell twice state`,
    );
    expect(told["first"]?.status).toBe(0);
    expect(told["after"]?.text.split("\n")).toEqual(expect.arrayContaining(told["before"]?.text.split("\n") ?? []));
    expect(told["second"]).toEqual(told["first"]);
    expect(told["twice"]).toEqual(told["once"]);
  });

  it("refuses arguments, and anyone but root, before it does anything", async () => {
    const told = await device.run(
      shell,
      `tell argument run k3s-killall.sh now
tell help run k3s-killall.sh --help
mkdir /tmp/user
printf '#!/bin/sh\\necho 1000\\n' >/tmp/user/id
chmod +x /tmp/user/id
device_path=/tmp/user:$device_path
tell user run k3s-killall.sh
tell log cat /run/units/log`,
    );
    expect(told["argument"]).toEqual({ status: 2, text: expect.stringContaining("takes no arguments, got 'now'") });
    expect(told["help"]).toEqual({ status: 0, text: expect.stringContaining("usage: k3s-killall.sh") });
    expect(told["user"]).toEqual({ status: 1, text: "k3s-killall.sh: must be run as root" });
    expect(told["log"]?.text).toContain("No such file");
  });
});

it("tells what could not be done, does the rest, and fails", async () => {
  const told = await device.run(
    "dash",
    `. /device/traces.sh
leave_links
: >/run/units/k3s.service.installed
: >/run/units/k3s.service.cannot-stop
tell killall run k3s-killall.sh
tell after links`,
  );
  expect(told["killall"]).toEqual({ status: 1, text: expect.stringContaining("k3s-killall.sh: k3s.service could not be stopped") });
  expect(told["after"]?.text).not.toContain("cni0");
});

it("leaves a user's interfaces of k3s's names that are of another kind", async () => {
  const told = await device.run(
    "busybox sh",
    `ip link add cni0 type veth peer name flannel.1
tell killall run k3s-killall.sh
. /device/traces.sh
tell after links`,
  );
  expect(told["killall"]).toEqual(DONE);
  expect(told["after"]?.text).toBe("cni0\nflannel.1\nlo");
});

it("takes its interfaces and routes away with busybox's ip alone", async () => {
  await expectLinksGone(device, "busybox sh", "/device/stubs:/device/programs:/device/applets");
});

it("finds its mounts where the state lies elsewhere, behind a link", async () => {
  const told = await device.run(
    "busybox sh",
    `mkdir -p /mnt/big/kubelet/pods/u/volume
ln -s /mnt/big/kubelet /var/lib/kubelet
mount -t tmpfs containers /mnt/big/kubelet/pods/u/volume
. /device/traces.sh
tell before mounts
tell killall run k3s-killall.sh
tell after mounts`,
  );
  expect(told["before"]?.text).toBe("/mnt/big/kubelet/pods/u/volume");
  expect(told["after"]?.text).toBe("");
});

describe("each check fails", () => {
  const state = "/usr/libexec/k3s/device-state.sh";
  const checks = {
    containers: expectContainersEnded,
    units: expectUnitsStopped,
    mounts: expectMountsGone,
    links: expectLinksGone,
    rules: (on: Device, shell: DeviceShell) => expectRulesGone(on, shell, "iptables-nft"),
  } as const;

  it.each(["containers", "units", "mounts", "links", "rules"] as const)("%s: where k3s-killall.sh does nothing", async (name) => {
    await using idle = await openDevice({ file: "/usr/bin/k3s-killall.sh", from: "\nset -u\n", to: "\nexit 0\n" });
    await expect(checks[name](idle, "dash")).rejects.toThrow("expected");
  });

  it.each([
    { check: "containers", why: "another runtime's shim is taken for k3s's", from: '" /run/k3s/containerd/"*) ;;', to: "*) ;;" },
    { check: "containers", why: "a blank in a name hides a process's parent", from: "(.*) [A-Za-z]", to: "([^ ]*) [A-Za-z]" },
    {
      check: "containers",
      why: "only shims are ended, not what is below them",
      from: "family=$(with_descendants $pids |",
      to: "family=$(echo $pids |",
    },
    { check: "mounts", why: "a prefix takes a neighbour in", from: "in /run/k3s/ ", to: "in /run/k3s " },
    { check: "mounts", why: "a blank in a path is not read back", from: String.raw`sed 's/\\/\\0/g'`, to: "cat" },
    { check: "mounts", why: "network namespaces are left", from: '|| rm -f "$netns"', to: "|| :" },
    { check: "links", why: "the routes to other nodes are left", from: 'ip route flush root "$pods"', to: ":" },
    { check: "rules", why: "a comment is taken for a rule's target", from: String.raw`gsub(/"([^"\\]|\\.)*"/, "", rule)`, to: "" },
    { check: "rules", why: "what kube-router has marked is let through", from: "KUBE-ROUTER rule to", to: "KUBE-ROUTER ruled to" },
    { check: "rules", why: "goto is not a way into a chain", from: `|| word[i] == "-g"`, to: "" },
    { check: "rules", why: "all rules are replaced", from: "--noflush || problem", to: "|| problem" },
  ] as const)("$check: where $why", async ({ check, from, to }) => {
    await using defective = await openDevice({ file: state, from, to });
    await expect(checks[check](defective, "dash")).rejects.toThrow("expected");
  });
});
