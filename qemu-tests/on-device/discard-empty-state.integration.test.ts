import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device, type DeviceShell } from "./open-device.ts";
import { skipWithoutNamespaces } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutNamespaces);

const STATE = "/var/lib/rancher/k3s";
const SILENT = { status: 0, text: "" };
/** What k3s makes once, and others hold something signed or encrypted with. */
const ROOTS = [
  "server/cred/encryption-config.json",
  "server/cred/ipsec.psk",
  "server/cred/passwd",
  "server/tls/client-ca.crt",
  "server/tls/client-ca.key",
  "server/tls/etcd/peer-ca.key",
  "server/tls/service.key",
];
/** What it makes from those. */
const LEAVES = [
  "server/cred/admin.kubeconfig",
  "server/tls/client-admin.crt",
  "server/tls/client-admin.key",
  "server/tls/dynamic-cert.json",
  "server/tls/etcd/client.crt",
];
const NODE = ["agent/client-kubelet.crt", "agent/client-kubelet.key", "agent/kubelet.kubeconfig"];
const OTHERS = ["agent/containerd/empty.crt", "agent/etc/empty.key", "server/db/state.db", "server/manifests/empty.yaml"];

/** The state's files that are left, where these are empty and all others are whole, and what was said. */
async function discard(
  on: Device,
  shell: DeviceShell,
  { empty, bytes = 0, before = "" }: { readonly empty: readonly string[]; readonly bytes?: number; readonly before?: string },
): Promise<{ readonly left: readonly string[]; readonly said: string }> {
  const make = [...ROOTS, ...LEAVES, ...NODE].map((path) => `echo whole >${path}`);
  const told = await on.run(
    shell,
    `cd ${STATE}; mkdir -p server/cred server/tls/etcd server/db server/manifests agent/containerd agent/etc
${make.join("\n")}
for file in ${[...OTHERS, ...empty].join(" ")}; do head -c ${bytes} /dev/zero >$file; done
${before}
tell run run discard-empty-state
tell left find . -type f ! -name .flushed`,
  );
  expect(told["run"]?.status).toBe(0);
  const left = (told["left"]?.text ?? "").split("\n").map((path) => path.replace("./", ""));
  return { left: left.filter((path) => !OTHERS.includes(path)).toSorted(), said: told["run"]?.text ?? "" };
}

const ALL = [...ROOTS, ...LEAVES, ...NODE].toSorted();

async function expectFirstStartAnew(on: Device, shell: DeviceShell, bytes = 0): Promise<void> {
  const { left, said } = await discard(on, shell, { empty: ["server/tls/client-ca.key", "server/tls/client-admin.crt"], bytes });
  expect(left).toEqual([...ROOTS.filter((path) => path !== "server/tls/client-ca.key"), ...NODE].toSorted());
  expect(said).toContain("taken away, k3s makes them anew:");
  expect(said).toContain(`${STATE}/server/tls/client-ca.key`);
}

async function expectZeroesAnew(on: Device, shell: DeviceShell): Promise<void> {
  await expectFirstStartAnew(on, shell, 227);
}

async function expectAuthorityKept(on: Device, shell: DeviceShell): Promise<void> {
  const { left, said } = await discard(on, shell, {
    empty: ["server/tls/client-ca.key", "server/tls/client-admin.crt"],
    before: "tell flush run flush-state",
  });
  expect(left).toEqual(ALL);
  expect(said).toBe(
    `discard-empty-state: empty, though written down once: ${STATE}/server/tls/client-ca.key. Restore from a backup; everything is left as it is, and k3s will not start`,
  );
}

async function expectLeavesAnew(on: Device, shell: DeviceShell): Promise<void> {
  const { left } = await discard(on, shell, { empty: ["server/cred/admin.kubeconfig"], before: "tell flush run flush-state" });
  expect(left).toEqual([...ROOTS, ...NODE].toSorted());
}

async function expectNodeAnew(on: Device, shell: DeviceShell, bytes = 0): Promise<void> {
  const { left, said } = await discard(on, shell, { empty: NODE, bytes });
  expect(left).toEqual([...ROOTS, ...LEAVES].toSorted());
  expect(said).toContain(`${STATE}/agent/client-kubelet.key is empty: taken away`);
}

describe.each(DEVICE_SHELLS)("discard-empty-state under %s", (shell) => {
  it("leaves a state alone that is whole, and says nothing", async () => {
    expect(await discard(device, shell, { empty: [] })).toEqual({ left: ALL, said: "" });
  });

  it("says nothing where there is no state", async () => {
    const told = await device.run(shell, `rm -rf ${STATE}; tell run run discard-empty-state; tell state ls ${STATE}`);
    expect(told["run"]).toEqual(SILENT);
    expect(told["state"]?.status).not.toBe(0);
  });

  it("takes away what is empty of an interrupted first start, and what k3s can sign anew", async () => {
    await expectFirstStartAnew(device, shell);
    await expectFirstStartAnew(device, shell, 227);
  });

  it("once a start was written down, leaves an authority that is empty to people, with all that it has signed", async () => {
    await expectAuthorityKept(device, shell);
  });

  it("takes away what k3s can sign anew at any time", async () => {
    await expectLeavesAnew(device, shell);
  });

  it("takes away a node's own empty files alone", async () => {
    await expectNodeAnew(device, shell);
    await expectNodeAnew(device, shell, 227);
  });
});

it.each(ROOTS)("%s is left where it is whole", async (path) => {
  const { left } = await discard(device, "busybox sh", { empty: ["server/tls/client-admin.crt"] });
  expect(left).toContain(path);
});

it.each([
  {
    why: "what was signed stays",
    from: 'find "$directory" -type f',
    to: 'find "$directory" -type f -size 0',
    check: expectFirstStartAnew,
  },
  { why: "zeroes count as content", from: "grep -sL '[[:graph:]]'", to: "grep -sL ^", check: expectZeroesAnew },
  { why: "authorities go too", from: "*-ca.crt | *-ca.key | service.key", to: "service.key", check: expectFirstStartAnew },
  { why: "nobody asks whether it was flushed", from: '[ -e "$flushed" ]', to: "false", check: expectAuthorityKept },
  { why: "all is left to people", from: '! is_root_of_trust "$file" || printf', to: "printf", check: expectLeavesAnew },
  { why: "a node's files stay", from: '"$state"/agent/*.key ', to: "", check: expectNodeAnew },
])("the check fails where $why", async ({ from, to, check }) => {
  await using defective = await openDevice({ file: "/usr/libexec/k3s/discard-empty-state", from, to });
  await expect(check(defective, "dash")).rejects.toThrow("expected");
});

describe.each(DEVICE_SHELLS)("flush-state under %s", (shell) => {
  it("notes on the medium that a server's keys are there, after they are", async () => {
    const told = await device.run(
      shell,
      `mkdir -p ${STATE}/server/tls; echo whole >${STATE}/server/tls/client-ca.key
tell run run flush-state
tell again run flush-state
tell first ls -A /tmp/flushed.1/state/k3s/server /tmp/flushed.1/state/k3s/server/tls
tell second ls -A /tmp/flushed.2/state/k3s/server
tell flushes ls -d /tmp/flushed.*`,
    );
    expect(told["run"]).toEqual(SILENT);
    expect(told["again"]).toEqual(SILENT);
    expect(told["first"]?.text).not.toContain(".flushed\n");
    expect(told["first"]?.text).toContain("client-ca.key");
    expect(told["second"]?.text).toBe(".flushed\ntls");
    // A later start flushes once.
    expect(told["flushes"]?.text).toBe("/tmp/flushed.1\n/tmp/flushed.2\n/tmp/flushed.3");
  });

  it("notes nothing on an agent", async () => {
    const told = await device.run(
      shell,
      `tell run run flush-state\ntell state find ${STATE} -name .flushed\ntell flushed ls -d /tmp/flushed.*`,
    );
    expect(told["run"]).toEqual(SILENT);
    expect(told["state"]).toEqual(SILENT);
    expect(told["flushed"]?.text).toBe("/tmp/flushed.1");
  });
});
