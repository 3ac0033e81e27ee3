import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device, type DeviceShell } from "./open-device.ts";
import { skipWithoutNamespaces } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutNamespaces);

const NODE = "/etc/rancher/node";
const SILENT = { status: 0, text: "" };

async function expectMade(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `tell run run ensure-node-identity
tell password cat ${NODE}/password
tell id cat ${NODE}/id
tell modes stat -c '%n %a' ${NODE} ${NODE}/*
tell first ls -s /tmp/flushed.1/etc/node
tell last sh -c 'cat /tmp/flushed.2/etc/node/password /tmp/flushed.2/etc/node/id'`,
  );
  expect(told["run"]).toEqual(SILENT);
  const { text: password = "" } = told["password"] ?? {};
  const { text: id = "" } = told["id"] ?? {};
  expect(password).toMatch(/^[0-9a-f]{32}$/u);
  expect(id).toMatch(/^[0-9a-f]{8}$/u);
  expect(told["modes"]?.text).toBe(`${NODE} 755\n${NODE}/id 644\n${NODE}/password 600`);
  // Never under its own name before it is whole there.
  expect(told["first"]?.text).not.toMatch(/ (id|password)$/mu);
  expect(told["first"]?.text).toMatch(/[1-9]\d* id\.new\n *[1-9]\d* password\.new$/u);
  expect(told["last"]?.text).toBe(`${password}\n${id}`);
}

async function expectKept(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `mkdir -p ${NODE}; echo mine >${NODE}/password; echo 0011 >${NODE}/id
contents ${NODE} >/tmp/before
tell run run ensure-node-identity
contents ${NODE} >/tmp/after
tell changes cmp /tmp/before /tmp/after
tell flushed ls -d /tmp/flushed.1`,
  );
  expect(told["run"]).toEqual(SILENT);
  expect(told["changes"]).toEqual(SILENT);
  expect(told["flushed"]?.status).not.toBe(0);
}

async function expectEmptyReplaced(on: Device, shell: DeviceShell, bytes = 0): Promise<void> {
  const told = await on.run(
    shell,
    `mkdir -p ${NODE}; head -c ${bytes} /dev/zero >${NODE}/password; echo half >${NODE}/password.new; echo 0011 >${NODE}/id
tell run run ensure-node-identity
tell password cat ${NODE}/password
tell id cat ${NODE}/id
tell files ls ${NODE}`,
  );
  expect(told["run"]).toEqual(SILENT);
  expect(told["password"]?.text).toMatch(/^[0-9a-f]{32}$/u);
  expect(told["id"]?.text).toBe("0011");
  expect(told["files"]?.text).toBe("id\npassword");
}

describe.each(DEVICE_SHELLS)("ensure-node-identity under %s", (shell) => {
  it("makes a password and an id that are whole on the medium before they have their names", async () => {
    await expectMade(device, shell);
  });

  it("leaves those of the device alone, and flushes nothing", async () => {
    await expectKept(device, shell);
  });

  it("takes an empty one for none", async () => {
    await expectEmptyReplaced(device, shell);
    await expectEmptyReplaced(device, shell, 33);
  });

  it("says so, and fails, where they cannot be written or drawn", async () => {
    const told = await device.run(
      shell,
      `mkdir -p ${NODE}; mount -t tmpfs -o ro none ${NODE}
tell written run ensure-node-identity
umount ${NODE}
mkdir /tmp/own; printf '#!/bin/sh\\nexit 1\\n' >/tmp/own/head; chmod +x /tmp/own/head
device_replaced="$device_replaced head" device_path=/tmp/own:$device_path
tell drawn run ensure-node-identity
tell files ls ${NODE}`,
    );
    expect(told["written"]).toEqual({
      status: 1,
      text: expect.stringContaining(`ensure-node-identity: ${NODE}/password cannot be written`),
    });
    expect(told["drawn"]).toEqual({
      status: 1,
      text: expect.stringContaining("ensure-node-identity: cannot draw the node's password"),
    });
    expect(told["files"]).toEqual(SILENT);
  });
});

it.each([
  { why: "they have their names at once", from: '>"$directory/$1.new"', to: '>"$directory/$1"', check: expectMade },
  { why: "all are made anew", from: "! grep -sq", to: "grep -sq", check: expectKept },
  {
    why: "an empty one is taken for one",
    from: `! grep -sq '[[:graph:]]'`,
    to: "[ ! -e",
    check: expectEmptyReplaced,
  },
])("the check fails where $why", async ({ from, to, check }) => {
  await using defective = await openDevice({ file: "/usr/libexec/k3s/ensure-node-identity", from, to });
  await expect(check(defective, "dash")).rejects.toThrow("expected");
});
