import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device, type DeviceShell } from "./open-device.ts";
import { skipWithoutNamespaces } from "./skip-aloud.ts";

const RELEASED = 1_785_269_609;
let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutNamespaces);

/** Where the clock stands after set-clock-floor, and what it said, with the clock at `startS` and state last changed at the times given. */
async function setFloor(
  on: Device,
  shell: DeviceShell,
  startS: number,
  changes: Readonly<Record<string, number>> = {},
): Promise<{ readonly clockS: number; readonly said: string }> {
  const files = Object.entries(changes).map(([path, timeS]) => `mkdir -p "$(dirname ${path})"; touch -d @${timeS} ${path}`);
  const told = await on.run(
    shell,
    `${files.join("\n")}\necho ${startS} > /run/clock\ntell run run set-clock-floor\ntell clock cat /run/clock`,
  );
  expect(told["run"]?.status).toBe(0);
  return { clockS: Number(told["clock"]?.text), said: told["run"]?.text ?? "" };
}

const K3S = "/var/lib/rancher/k3s";

async function expectStateTakenUp(on: Device, shell: DeviceShell, file: string): Promise<void> {
  const later = RELEASED + 1000;
  expect(await setFloor(on, shell, RELEASED + 10, { [`${K3S}/${file}`]: later })).toEqual({
    clockS: later,
    said: expect.stringContaining(`the clock said ${RELEASED + 10}, which is before ${later}`),
  });
}

describe.each(DEVICE_SHELLS)("set-clock-floor under %s", (shell) => {
  it("sets a clock without a battery forward to the release", async () => {
    expect((await setFloor(device, shell, 0)).clockS).toBe(RELEASED);
    expect((await setFloor(device, shell, RELEASED - 1)).clockS).toBe(RELEASED);
  });

  it("leaves a clock alone that stands at the floor or after it, and says nothing", async () => {
    expect(await setFloor(device, shell, RELEASED)).toEqual({ clockS: RELEASED, said: "" });
    expect(await setFloor(device, shell, RELEASED + 500, { [`${K3S}/server/db/state.db`]: RELEASED + 400 })).toEqual({
      clockS: RELEASED + 500,
      said: "",
    });
  });

  it("takes the latest change of the state for the floor, whatever the order", async () => {
    const changes = { [`${K3S}/server/db/state.db-wal`]: RELEASED + 90, [`${K3S}/agent/client-kubelet.crt`]: RELEASED + 80 };
    expect((await setFloor(device, shell, 0, changes)).clockS).toBe(RELEASED + 90);
    const old = { [`${K3S}/server/db/state.db`]: RELEASED - 90 };
    expect((await setFloor(device, shell, 0, old)).clockS).toBe(RELEASED);
  });
});

it.each([
  "server/db/state.db-wal",
  "server/db/state.db",
  "server/tls/server-ca.crt",
  "server/tls/serving-kube-apiserver.crt",
  "agent/client-kubelet.crt",
  "agent/serving-kubelet.crt",
])("a change of %s is a time that has passed", async (file) => {
  await expectStateTakenUp(device, "busybox sh", file);
});

it("says so, and fails, where the clock's floor is not installed", async () => {
  const told = await device.run("dash", "mount -t tmpfs none /usr/share/k3s\ntell run run set-clock-floor");
  expect(told["run"]?.status).not.toBe(0);
});

it("the check of the state fails when a file is not looked at", async () => {
  const file = "/usr/libexec/k3s/set-clock-floor";
  await using defective = await openDevice({ file, from: "/server/db/state.db-wal ", to: "/server/db/wal " });
  await expect(expectStateTakenUp(defective, "dash", "server/db/state.db-wal")).rejects.toThrow("expected");
});
