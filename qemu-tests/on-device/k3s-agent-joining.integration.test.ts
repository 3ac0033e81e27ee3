import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_SHELLS, openDevice, type Device, type DeviceShell } from "./open-device.ts";
import { skipWithoutNamespaces } from "./skip-aloud.ts";

let device: Device;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device[Symbol.asyncDispose]());
beforeEach(skipWithoutNamespaces);

const URL = "https://10.0.0.1:6443";
const UNIT = "k3s-agent.service";
const JOIN = `tell join run k3s-agent -t x -s ${URL}`;
// The clock stands at 1000 s, so the journal's lines of 1000 and later are those of the start under test.
const FUNCTIONS = `
cd /run/units
: >${UNIT}.installed
echo 1000 >/run/clock
# after_start STATE COUNT…: what the unit goes through once it is started.
after_start() {
  while [ $# -gt 0 ]; do
    looks=0
    while [ $looks -lt "$2" ]; do looks=$((looks + 1)); echo "$1"; done
    shift 2
  done >${UNIT}.start
}
journal() { printf '%s\\n' "$@" >/run/journal; }
`;

/** Words of k3s for a token that it will never take: pkg/clientaccess/token.go and pkg/agent/config of k3s. */
const REFUSALS = [
  'level=fatal msg="Error: token CA hash does not match the Cluster CA certificate hash: 12 != 34"',
  'level=fatal msg="Error: invalid token format"',
];
/** What a wrong token and a server that only starts have in common: pkg/server/auth/auth.go of k3s. */
const UNAUTHORIZED = [
  'level=error msg="failed to get CA certs: 401 Unauthorized"',
  'level=error msg="Failed to validate connection to cluster at https://10.0.0.1:6443: not authorized"',
];

/** Lines of the unit's journal, for a shell: SECONDS TEXT each. */
function journal(lines: readonly string[]): string {
  return `journal ${lines.map((line) => `'${UNIT} ${line}'`).join(" ")}`;
}

async function expectRefusedToken(on: Device, shell: DeviceShell, lines: readonly string[]): Promise<void> {
  const [, line = ""] = /^\d+ (.*)$/u.exec(lines.at(-1) ?? "") ?? [];
  const told = await on.run(
    shell,
    `${FUNCTIONS}
after_start activating 1000
${journal(['1000 level=info msg="Starting k3s agent"', ...lines])}
${JOIN}
tell state cat ${UNIT}.active
tell waits grep -c '^sleep 1$' log`,
  );
  expect(told["join"]?.status).toBe(1);
  expect(told["join"]?.text).toContain(`k3s-agent: ${URL} refuses the token`);
  expect(told["join"]?.text).toContain("/var/lib/rancher/k3s/server/node-token");
  expect(told["join"]?.text).toContain(`k3s said: ${line}`);
  // Nothing goes on trying it, and nobody waits five minutes to hear it.
  expect(told["state"]?.text).toBe("inactive");
  expect(Number(told["waits"]?.text)).toBeLessThan(10);
}

/** A server that restarts while a device joins: it says 401 before it can look tokens up. */
async function expectJoinedThroughRestart(on: Device, shell: DeviceShell): Promise<void> {
  const [unauthorized = ""] = UNAUTHORIZED;
  const away = 'level=error msg="dial tcp 10.0.0.1:6443: connect: connection refused"';
  const told = await on.run(
    shell,
    `${FUNCTIONS}
after_start activating 30 active 1
${journal([`1001 ${unauthorized}`, `1055 ${away}`, `1060 ${unauthorized}`, '1065 level=info msg="Starting"', `1119 ${unauthorized}`])}
${JOIN}`,
  );
  expect(told["join"]).toEqual({ status: 0, text: `k3s-agent: joined ${URL}` });
}

/** How k3s's agent says that its balancer reaches no server. */
const HUNG_UP =
  'level=error msg="failed to get CA certs: Get https://127.0.0.1:6444/cacerts: read tcp 127.0.0.1:46602->127.0.0.1:6444: read: connection reset by peer"';

async function expectUnreachedTold(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `${FUNCTIONS}
after_start activating 1000
${journal([`1001 ${HUNG_UP}`])}
${JOIN} --timeout 3
${journal(['1001 level=error msg="no space left on device"'])}
tell other run k3s-agent -t x -s ${URL} --timeout 3`,
  );
  expect(told["join"]).toEqual({ status: 4, text: expect.stringContaining(`\nNothing answers at ${URL}: is the address right`) });
  expect(told["other"]?.text).not.toContain("Nothing answers");
}

async function expectNotJoinedInTime(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `${FUNCTIONS}
after_start activating 1000
journal '${UNIT} 999 ${REFUSALS[1]}' 'k3s.service 1001 level=error msg="401 Unauthorized"' \\
  '${UNIT} 1001 level=error msg="dial tcp 10.0.0.1:6443: connect: no route to host"' '${UNIT} 1002 level=info msg="Waiting"'
${JOIN} --timeout 12
tell state cat ${UNIT}.active
tell waits grep -c '^sleep 1$' log`,
  );
  expect(told["join"]).toEqual({
    status: 4,
    text: `k3s-agent: not joined ${URL} within 12 s; ${UNIT} goes on trying, see: journalctl -u ${UNIT}
Nothing answers at ${URL}: is the address right, and does the server run?
k3s said: level=error msg="dial tcp 10.0.0.1:6443: connect: no route to host"`,
  });
  expect(told["state"]?.text).toBe("activating");
  expect(told["waits"]?.text).toBe("12");
}

/** What k3s's agent says of a setting that only a server knows: urfave/cli's words. */
async function expectSettingTold(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `${FUNCTIONS}
mkdir -p /etc/rancher/k3s/config.yaml.d
printf 'snapshotter: native\\n' >/etc/rancher/k3s/config.yaml.d/10-node.yaml
printf '"disable+": [traefik]\\n' >/etc/rancher/k3s/config.yaml.d/20-server.yaml
after_start activating 1000
journal '${UNIT} 1001 level=fatal msg="Error: flag provided but not defined: -disable"'
${JOIN}
tell state cat ${UNIT}.active
tell waits grep -c '^sleep 1$' log`,
  );
  expect(told["join"]).toEqual({
    status: 1,
    text: `k3s-agent: k3s's agent does not start with the setting 'disable', which it does not know: it is a server's, or misspelled.
Take it out, then run k3s-agent again. It is in /etc/rancher/k3s/config.yaml.d/20-server.yaml`,
  });
  expect(told["state"]?.text).toBe("inactive");
  expect(Number(told["waits"]?.text)).toBeLessThan(10);
}

async function expectSnapshotterTold(on: Device, shell: DeviceShell): Promise<void> {
  const line = "check-snapshotter: snapshotter 'zfs' (/etc/rancher/k3s/config.yaml.d/10-node.yaml): /x must be on zfs";
  const told = await on.run(
    shell,
    `${FUNCTIONS}
after_start activating 1000
journal "${UNIT} 1001 ${line}" '${UNIT} 1002 Scheduled restart job, restart counter is at 1.'
${JOIN} --timeout 3`,
  );
  expect(told["join"]?.status).toBe(4);
  expect(told["join"]?.text).toContain(`k3s said: ${line}`);
}

async function expectServerRefused(on: Device, shell: DeviceShell): Promise<void> {
  const states = ["active", "activating", "reloading", "deactivating"];
  const told = await on.run(
    shell,
    `${FUNCTIONS}
tell before contents /etc/rancher
for state in ${states.join(" ")}; do
  echo $state >k3s.service.active
  tell $state run k3s-agent -t x -s ${URL}
done
rm k3s.service.active
for state in enabled enabled-runtime; do
  echo $state >k3s.service.enabled
  tell $state run k3s-agent -t x -s ${URL}
done
tell after contents /etc/rancher
echo disabled >k3s.service.enabled
${JOIN}`,
  );
  for (const state of [...states, "enabled", "enabled-runtime"]) {
    expect(told[state]).toEqual({ status: 3, text: expect.stringContaining("this device runs a k3s server") });
    expect(told[state]?.text).toContain("k3s-clean --server");
  }
  expect(told["after"]).toEqual(told["before"]);
  expect(told["join"]?.status).toBe(0);
}

async function expectOtherClusterRefused(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `${FUNCTIONS}
${JOIN}
tell before contents /etc/rancher
tell other run k3s-agent -t y -s https://other:6443
tell after contents /etc/rancher
tell clean run k3s-clean
tell again run k3s-agent -t y -s https://other:6443`,
  );
  expect(told["other"]).toEqual({
    status: 3,
    text: `k3s-agent: this device belongs to ${URL}: run k3s-clean before it joins another cluster`,
  });
  expect(told["after"]).toEqual(told["before"]);
  expect(told["clean"]?.status).toBe(0);
  expect(told["again"]).toEqual({ status: 0, text: "k3s-agent: joined https://other:6443" });
}

describe.each(DEVICE_SHELLS)("k3s-agent under %s", (shell) => {
  it("waits until the device has joined", async () => {
    const told = await device.run(
      shell,
      `${FUNCTIONS}\nafter_start activating 7 active 1\n${JOIN}\ntell waits grep -c '^sleep 1$' log`,
    );
    expect(told["join"]).toEqual({ status: 0, text: `k3s-agent: joined ${URL}` });
    expect(told["waits"]?.text).toBe("7");
  });

  it("does not wait where the timeout is 0", async () => {
    const told = await device.run(
      shell,
      `${FUNCTIONS}\nafter_start activating 9\n${JOIN} --timeout 0\ntell waits grep -c '^sleep' log`,
    );
    expect(told["join"]).toEqual({ status: 0, text: `k3s-agent: ${UNIT} is starting; see: journalctl -u ${UNIT}` });
    expect(told["waits"]?.text).toBe("0");
  });

  it("ends after its time with what k3s says of this start, and lets the unit go on", async () => {
    await expectNotJoinedInTime(device, shell);
  });

  it("says that nothing answers, and only where that is so", async () => {
    await expectUnreachedTold(device, shell);
  });

  it("stops at a setting that k3s's agent does not know, and says where it is", async () => {
    await expectSettingTold(device, shell);
  });

  it("says what check-snapshotter refuses", async () => {
    await expectSnapshotterTold(device, shell);
  });

  it.each(REFUSALS)("stops at a token that k3s refuses: %s", async (line) => {
    await expectRefusedToken(device, shell, [`1003 ${line}`]);
  });

  it.each(UNAUTHORIZED)("stops at a token that is refused for a minute: %s", async (line) => {
    await expectRefusedToken(device, shell, [`1003 ${line}`, `1033 ${line}`, `1063 ${line}`]);
  });

  it("joins through the 401 of a server that only starts", async () => {
    await expectJoinedThroughRestart(device, shell);
  });

  it("tells why the unit failed, or could not be started", async () => {
    const told = await device.run(
      shell,
      `${FUNCTIONS}
after_start activating 2 failed 1
journal '${UNIT} 1001 level=fatal msg="no space left on device"'
${JOIN}
: >${UNIT}.cannot-start
tell start run k3s-agent -t x -s ${URL}`,
    );
    expect(told["join"]).toEqual({
      status: 1,
      text: expect.stringContaining(`${UNIT} failed: level=fatal msg="no space left on device"`),
    });
    expect(told["start"]).toEqual({ status: 1, text: expect.stringContaining(`${UNIT} could not be started`) });
  });

  it("refuses a device that runs a server, whatever state it is in, and writes nothing", async () => {
    await expectServerRefused(device, shell);
  });

  it("refuses another cluster until k3s-clean has been run", async () => {
    await expectOtherClusterRefused(device, shell);
  });

  it("refuses a device without the unit, and anyone but root", async () => {
    const told = await device.run(
      shell,
      `${FUNCTIONS}
rm ${UNIT}.installed
tell before contents /etc/rancher
tell unit run k3s-agent -t x -s ${URL}
mkdir /tmp/user
printf '#!/bin/sh\\necho 1000\\n' >/tmp/user/id
chmod +x /tmp/user/id
device_path=/tmp/user:$device_path
tell user run k3s-agent -t x -s ${URL}
tell after contents /etc/rancher`,
    );
    expect(told["unit"]).toEqual({ status: 3, text: `k3s-agent: ${UNIT} is not on this device: install the package k3s-agent` });
    expect(told["user"]).toEqual({ status: 3, text: "k3s-agent: must be run as root" });
    expect(told["after"]).toEqual(told["before"]);
  });
});

describe("each check fails", () => {
  const checks = {
    time: expectNotJoinedInTime,
    token: (on: Device, shell: DeviceShell) => expectRefusedToken(on, shell, ["1003 401 Unauthorized", "1063 401 Unauthorized"]),
    restart: expectJoinedThroughRestart,
    hash: (on: Device, shell: DeviceShell) => expectRefusedToken(on, shell, [`1003 ${REFUSALS[0]}`]),
    setting: expectSettingTold,
    unreached: expectUnreachedTold,
    snapshotter: expectSnapshotterTold,
    server: expectServerRefused,
    cluster: expectOtherClusterRefused,
  } as const;

  it.each([
    { check: "time", why: "it says that it has joined", from: "within $timeout s; $unit goes", to: "after $timeout s; $unit goes" },
    { check: "time", why: "an earlier start's refusal counts", from: "began=$(date +%s)", to: "began=0" },
    { check: "token", why: "the journal is not asked", from: "&& refused_token", to: "&& false" },
    { check: "token", why: "the unit goes on", from: 'systemctl stop "$unit"\n\t\tfail "$server', to: 'fail "$server' },
    { check: "restart", why: "the first 401 counts", from: " && last - first >= 60", to: "" },
    { check: "restart", why: "other reasons between do not count", from: "{ first = 0 }", to: "{ }" },
    { check: "hash", why: "a word of k3s is not known", from: "token CA hash does not match|", to: "" },
    { check: "setting", why: "k3s's words are not known", from: "flag provided but", to: "flag given but" },
    { check: "setting", why: "a quoted key is not found", from: `^[\\"']?$1`, to: "^$1" },
    { check: "unreached", why: "a balancer that hangs up is not known", from: "*'reset by peer'*", to: "*'reset by pier'*" },
    { check: "unreached", why: "it is always said", from: '! unreached "$reason" ||', to: ":;" },
    { check: "snapshotter", why: "its words are not known", from: "|^check-snapshotter: snapshotter '", to: "" },
    { check: "server", why: "a server that only starts is not seen", from: "activating/* | reloading", to: "reloading" },
    { check: "cluster", why: "the old server is not looked at", from: '[ "$joined" = "$server" ]', to: "true" },
  ] as const)("$check: where $why", async ({ check, from, to }) => {
    await using defective = await openDevice({ file: "/usr/bin/k3s-agent", from, to });
    await expect(checks[check](defective, "dash")).rejects.toThrow("expected");
  });
});
