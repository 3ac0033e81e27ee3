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

const ADDED = "ensure-default-route: there was no default route; k3s needs one, so there is one out of";
const SILENT = { status: 0, text: "" };

/** With the program of iproute2, and with busybox's applet alone. */
const PATHS = {
  "iproute2's ip": "$device_path",
  "busybox's ip": "/device/stubs:/device/programs:/device/applets",
} as const;
type Ip = keyof typeof PATHS;

const FUNCTIONS = `
# interface NAME [ADDRESS]: a wire, with its other end, and an address.
wires=0
interface() {
  wires=$((wires + 1))
  ip link add "$1" type veth peer name "end$wires"
  ip link set "$1" up
  ip link set "end$wires" up
  [ -z "\${2:-}" ] || ip address add "$2" dev "$1"
}
defaults() { ip -4 route show default; ip -6 route show default; }
# What the kernel changes by itself (an address of IPv6 that is no longer tentative, a wire that is up) is left out.
everything() { ip -4 address show | grep -o 'inet .*'; ip -4 route show table all; ip -6 route show default; ls /sys/class/net; }
ip link set lo up

# A kernel without dummy interfaces is lent another kind that takes addresses and routes as they do.
if ip link add probe0 type dummy 2>/dev/null; then
  ip link delete probe0
else
  mkdir /tmp/own
  real=$(PATH=$device_path command -v ip)
  printf '#!/bin/sh\\ncase "$*" in "link add "*" type dummy") set -- link add "$3" type ifb ;; esac\\nexec %s "$@"\\n' "$real" >/tmp/own/ip
  chmod +x /tmp/own/ip
  lent=/tmp/own:
  tell lent echo ifb
fi
`;

type Seen = Readonly<Record<string, Told>>;

interface Case {
  readonly shell: DeviceShell;
  readonly ip?: Ip;
  /** Shell lines before the script is run. */
  readonly before: string;
  readonly after?: string;
}

/** Runs ensure-default-route once the lines have made a device's network. */
async function ensureRoute(on: Device, { shell, ip = "iproute2's ip", before, after = "" }: Case): Promise<Seen> {
  const script = `device_path=${PATHS[ip]}\nlent=\n${FUNCTIONS}\ndevice_path=$lent$device_path\n${before}\ntell run run ensure-default-route\ntell routes defaults\n${after}`;
  return on.run(shell, script);
}

function routes(told: Seen): readonly string[] {
  return (told["routes"]?.text ?? "").split("\n").map((route) => route.replaceAll(/ (scope link|linkdown)/gu, "").trim());
}

async function expectRouteByAddress(on: Device, shell: DeviceShell, ip?: Ip): Promise<void> {
  const told = await ensureRoute(on, {
    shell,
    ...(ip === undefined ? {} : { ip }),
    before: "interface eth0\ninterface eth1 192.0.2.9/24\ninterface eth2 198.51.100.9/24",
  });
  expect(told["run"]).toEqual({ status: 0, text: `${ADDED} eth1 now` });
  expect(routes(told)).toEqual(["default dev eth1 metric 2000000"]);
}

async function expectRouteWithoutAddress(on: Device, shell: DeviceShell, ip?: Ip): Promise<void> {
  const told = await ensureRoute(on, {
    shell,
    ...(ip === undefined ? {} : { ip }),
    before: "interface eth0",
    after: "tell address ip -o -4 address show dev k3s-offline up",
  });
  if (told["lent"] !== undefined) process.stderr.write("NOTE: this kernel has no dummy interfaces; one of kind ifb stands in\n");
  expect(told["run"]).toEqual({ status: 0, text: `${ADDED} k3s-offline now` });
  expect(routes(told)).toEqual(["default dev k3s-offline metric 2000000"]);
  expect(told["address"]?.text).toContain("inet 203.0.113.254/31");
}

async function expectNothingChanged(on: Device, shell: DeviceShell, before: string): Promise<void> {
  const told = await ensureRoute(on, { shell, before: `${before}\ntell before everything`, after: "tell after everything" });
  expect(told["run"]).toEqual(SILENT);
  expect(told["after"]).toEqual(told["before"]);
}

const NO_WAY_OUT = [
  "cni0",
  "flannel.1",
  "veth0a",
  "docker0",
  "br-0123456789ab",
  "kube-ipvs0",
  "podman0",
  "virbr0",
  "lxcbr0",
  "cali12",
  "cilium_host",
  "nodelocaldns",
  "wg0",
  "tun0",
  "tailscale0",
];

/** Whether each of these interfaces, the first of two with an address, is passed over. */
async function expectPassedOver(on: Device, shell: DeviceShell, names: readonly string[]): Promise<void> {
  const before = `for name in ${names.join(" ")}; do
  interface $name 192.0.2.9/24
  interface eth1 198.51.100.9/24
  run ensure-default-route 2>/dev/null
  tell $name defaults
  ip route delete default
  ip link delete $name
  ip link delete eth1
done`;
  const told = await ensureRoute(on, { shell, before });
  expect(names.map((name) => [name, told[name]?.text.split(" ")[2]])).toEqual(names.map((name) => [name, "eth1"]));
}

describe.each(DEVICE_SHELLS)("ensure-default-route under %s", (shell) => {
  it.each(["iproute2's ip", "busybox's ip"] as const)(
    "with %s: the route goes out of the first interface with an address",
    async (ip) => {
      await expectRouteByAddress(device, shell, ip);
    },
  );

  it.each(["iproute2's ip", "busybox's ip"] as const)(
    "with %s: without an address the route goes out of a dummy interface",
    async (ip) => {
      await expectRouteWithoutAddress(device, shell, ip);
    },
  );

  it("a default route that is there stays as it is", async () => {
    await expectNothingChanged(device, shell, "interface eth0 192.0.2.9/24\nip route add default via 192.0.2.1 dev eth0");
  });

  it("a default route of IPv6 is one", async () => {
    const before =
      "interface eth0 192.0.2.9/24\nip address add 2001:db8::9/64 dev eth0 nodad\nip route add default via 2001:db8::1 dev eth0";
    await expectNothingChanged(device, shell, before);
  });

  it("K3S_OFFLINE_ROUTE=no leaves all as it is", async () => {
    await expectNothingChanged(device, shell, "interface eth0 192.0.2.9/24\ndevice_env=K3S_OFFLINE_ROUTE=no");
  });

  it.each(["192.0.2.9/24", ""])("a second run changes nothing (address '%s')", async (address) => {
    await expectNothingChanged(device, shell, `interface eth0 ${address}\nrun ensure-default-route 2>/dev/null`);
  });

  it("a dummy interface that is there already gets what it lacks", async () => {
    const told = await ensureRoute(device, { shell, before: "run ensure-default-route 2>/dev/null\nip link set k3s-offline down" });
    expect(told["run"]?.status).toBe(0);
    expect(routes(told)).toEqual(["default dev k3s-offline metric 2000000"]);
  });

  it("any other default route goes before it", async () => {
    const after = "ip route add default via 192.0.2.1 dev eth0 metric 1024\ntell way ip route get 203.0.113.7";
    const told = await ensureRoute(device, { shell, before: "interface eth0 192.0.2.9/24", after });
    expect(routes(told)).toEqual(["default dev eth0 metric 2000000"]);
    expect(told["way"]?.text).toContain("via 192.0.2.1");
  });

  it.each(["iproute2's ip", "busybox's ip"] as const)(
    "with %s: k3s-killall.sh takes the route and the interface away",
    async (ip) => {
      for (const before of [
        "interface eth0",
        "interface eth0 192.0.2.9/24\nip route add 198.51.100.0/24 dev eth0 metric 2000000",
      ]) {
        const after = "tell killall run k3s-killall.sh\ntell left defaults\ntell links ip -o link\ntell others ip route";
        const told = await ensureRoute(device, { shell, ip, before, after });
        expect(routes(told)).toHaveLength(1);
        expect(told["killall"]).toEqual(SILENT);
        expect(told["left"]?.text).toBe("");
        expect(told["links"]?.text).not.toContain("k3s-offline");
        expect(told["others"]?.text.includes("198.51.100.0/24")).toBe(before.includes("198.51.100.0/24"));
      }
    },
  );
});

it("what containers, virtual machines and tunnels made is no way out", async () => {
  await expectPassedOver(device, "busybox sh", NO_WAY_OUT);
});

it("an address of the loopback interface is no way out", async () => {
  const told = await ensureRoute(device, {
    shell: "dash",
    before: "ip address add 10.1.1.1/32 dev lo\ninterface eth0 192.0.2.9/24",
  });
  expect(routes(told)).toEqual(["default dev eth0 metric 2000000"]);
});

it.each(["br-lan", "br-cafe", "brown", "wlan0", "usb0"])("%s is a way out", async (name) => {
  const told = await ensureRoute(device, { shell: "busybox sh", before: `interface ${name} 192.0.2.9/24` });
  expect(routes(told)).toEqual([`default dev ${name} metric 2000000`]);
});

it("an interface that is down, or has a link-local address only, is no way out", async () => {
  const before = `interface eth0 192.0.2.9/24
ip link set eth0 down
interface eth1
ip address add 169.254.7.7/16 dev eth1 scope link
interface eth2 198.51.100.9/24`;
  const told = await ensureRoute(device, { shell: "dash", before });
  expect(routes(told)).toEqual(["default dev eth2 metric 2000000"]);
});

it("a kernel without dummy interfaces is told, and is no failure of the unit", async () => {
  const before = `mkdir /tmp/none
printf '#!/bin/sh\\n[ "$1" != link ] || exit 2\\nexec /device/iproute2/ip "$@"\\n' >/tmp/none/ip
chmod +x /tmp/none/ip
device_path=/tmp/none:$device_path`;
  const told = await ensureRoute(device, { shell: "busybox sh", before });
  expect(told["run"]).toEqual({ status: 0, text: expect.stringContaining("its kernel no dummy interface (CONFIG_DUMMY)") });
  expect(told["routes"]?.text).toBe("");
});

describe("each check fails", () => {
  const file = "/usr/libexec/k3s/ensure-default-route";
  const checks = {
    address: expectRouteByAddress,
    "no address": expectRouteWithoutAddress,
    present: (on: Device, shell: DeviceShell) =>
      expectNothingChanged(on, shell, "interface eth0 192.0.2.9/24\nip route add default via 192.0.2.1 dev eth0"),
    off: (on: Device, shell: DeviceShell) =>
      expectNothingChanged(on, shell, "interface eth0 192.0.2.9/24\ndevice_env=K3S_OFFLINE_ROUTE=no"),
    "passed over": (on: Device, shell: DeviceShell) => expectPassedOver(on, shell, ["docker0", "cni0"]),
  } as const;

  it.each([
    { check: "address", why: "nothing is done", from: "\nset -eu\n", to: "\nexit 0\n" },
    { check: "address", why: "the route goes before others", from: "metric=2000000", to: "metric=0" },
    { check: "no address", why: "the dummy gets no address", from: '|| ip address add "$dummy_address" dev "$device"', to: "|| :" },
    { check: "no address", why: "the dummy stays down", from: 'ip link set "$device" up', to: ":" },
    { check: "present", why: "routes are not looked at", from: '[ -z "$(ip -4', to: '[ -z "" ] || [ -z "$(ip -4' },
    { check: "off", why: "the switch is not heard", from: "K3S_OFFLINE_ROUTE:-yes", to: "K3S_OFFLINE_ROUTES:-yes" },
    { check: "passed over", why: "containers' interfaces are chosen", from: "/^(cni|", to: "/^(" },
  ] as const)("$check: where $why", async ({ check, from, to }) => {
    await using defective = await openDevice({ file, from, to });
    await expect(checks[check](defective, "dash")).rejects.toThrow("expected");
  });
});
