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
const TOKEN = `K10${"0".repeat(64)}::server:sec/ret`;
const ARGS = `-s ${URL} --node-name=n1 --node-label a=b --node-label=c.d/e=f`;
const FUNCTIONS = `
cd /etc/rancher/k3s
: >/run/units/k3s-agent.service.installed
echo '${TOKEN}' >/tmp/token
modes() { stat -c '%n %a' "$@"; }
stdin() { run k3s-agent -t - "$@" </tmp/token; }
`;

async function expectFilesWritten(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `${FUNCTIONS}
tell join run k3s-agent -t /tmp/token ${ARGS} --with-node-id
tell files find . -type f
tell env cat agent.env
tell token cat agent-token
tell settings cat config.yaml.d/90-k3s-agent.yaml
tell modes modes agent.env agent-token config.yaml.d config.yaml.d/90-k3s-agent.yaml
tell log cat /run/units/log
tell enabled cat /run/units/k3s-agent.service.enabled`,
  );
  expect(told["join"]).toEqual({ status: 0, text: `k3s-agent: joined ${URL}` });
  expect(told["files"]?.text.split("\n").toSorted()).toEqual([
    "./agent-token",
    "./agent.env",
    "./config.yaml",
    "./config.yaml.d/90-k3s-agent.yaml",
    "./kubelet.yaml",
  ]);
  expect(told["env"]?.text).toBe(`K3S_URL=${URL}\nK3S_TOKEN_FILE=/etc/rancher/k3s/agent-token`);
  expect(told["token"]?.text).toBe(TOKEN);
  expect(told["settings"]?.text).toBe(
    '# Written by k3s-agent.\nnode-name: "n1"\nwith-node-id: true\nnode-label+:\n  - "a=b"\n  - "c.d/e=f"',
  );
  expect(told["modes"]?.text).toBe("agent.env 600\nagent-token 600\nconfig.yaml.d 755\nconfig.yaml.d/90-k3s-agent.yaml 600");
  expect(told["log"]?.text).toContain("systemctl start --no-block k3s-agent.service");
  expect(told["log"]?.text).not.toContain("sec/ret");
  expect(told["enabled"]?.text).toBe("enabled");
}

async function expectFlushed(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `${FUNCTIONS}
tell join run k3s-agent -t /tmp/token ${ARGS}
tell log cat /run/units/log
tell differences diff -r . /tmp/flushed.1/etc/k3s`,
  );
  expect(told["join"]?.status).toBe(0);
  expect(told["log"]?.text).toMatch(/^systemctl enable [^]*^sync$[^]*^systemctl start /mu);
  expect(told["differences"]).toEqual({ status: 0, text: "" });
}

async function expectLostTold(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `${FUNCTIONS}
: >agent.env; : >agent-token
tell join run k3s-agent -t /tmp/token ${ARGS}
tell env cat agent.env`,
  );
  expect(told["join"]).toEqual({ status: 0, text: `k3s-agent: joined ${URL}` });
  expect(told["env"]?.text).toContain(`K3S_URL=${URL}`);
}

async function expectIdempotence(on: Device, shell: DeviceShell): Promise<void> {
  const told = await on.run(
    shell,
    `${FUNCTIONS}
tell first run k3s-agent -t /tmp/token ${ARGS}
tell before contents .
: >/run/units/log
tell second stdin ${ARGS.replace(URL, `${URL}/`)}
tell after contents .
tell log grep -cE 'systemctl (start|stop|restart)' /run/units/log`,
  );
  expect(told["second"]).toEqual({ status: 0, text: `k3s-agent: this device is an agent of ${URL} already` });
  expect(told["after"]).toEqual(told["before"]);
  expect(told["log"]?.text).toBe("0");
}

describe.each(DEVICE_SHELLS)("k3s-agent under %s", (shell) => {
  it("writes the server, the token and the settings, for root alone", async () => {
    await expectFilesWritten(device, shell);
  });

  it("has all of it on the medium before the agent starts", async () => {
    await expectFlushed(device, shell);
  });

  it("can be told again where the power left empty files", async () => {
    await expectLostTold(device, shell);
  });

  it("changes nothing when it is run again with the same values", async () => {
    await expectIdempotence(device, shell);
  });

  it("makes what others could read root's own again", async () => {
    const told = await device.run(
      shell,
      `${FUNCTIONS}
tell first run k3s-agent -t /tmp/token -s ${URL}
chmod 644 agent-token agent.env
tell second run k3s-agent -t /tmp/token -s ${URL}
tell modes modes agent-token agent.env`,
    );
    expect(told["second"]?.text).toContain("already");
    expect(told["modes"]?.text).toBe("agent-token 600\nagent.env 600");
  });

  it("starts anew with what has changed: a new token, settings no longer given", async () => {
    const told = await device.run(
      shell,
      `${FUNCTIONS}
tell first run k3s-agent -t /tmp/token ${ARGS}
: >/run/units/log
tell second run k3s-agent -t other -s ${URL} --node-name=n1
tell token cat agent-token
tell settings cat config.yaml.d/90-k3s-agent.yaml
tell third run k3s-agent -t other -s ${URL}
tell left ls config.yaml.d
tell starts grep -c 'systemctl start' /run/units/log`,
    );
    expect(told["second"]?.text).toBe(`k3s-agent: joined ${URL}`);
    expect(told["token"]?.text).toBe("other");
    expect(told["settings"]?.text).toBe('# Written by k3s-agent.\nnode-name: "n1"');
    expect(told["third"]?.text).toBe(`k3s-agent: joined ${URL}`);
    expect(told["left"]?.text).toBe("");
    expect(told["starts"]?.text).toBe("2");
  });

  it("makes the folders where /etc/rancher begins empty, readable by all", async () => {
    const told = await device.run(
      shell,
      `${FUNCTIONS}
cd /
rm -r /etc/rancher
umask 077
tell join run k3s-agent -t x -s ${URL} --node-name n1
tell modes modes /etc/rancher /etc/rancher/k3s /etc/rancher/k3s/config.yaml.d /etc/rancher/k3s/agent-token`,
    );
    expect(told["join"]?.status).toBe(0);
    expect(told["modes"]?.text.split("\n").map((line) => line.split(" ")[1])).toEqual(["755", "755", "755", "600"]);
  });

  it("a file system that is full or cannot be written to is told; no half file stays and the old ones are whole", async () => {
    const told = await device.run(
      shell,
      `${FUNCTIONS}
tell first run k3s-agent -t /tmp/token -s ${URL}
tell before contents agent-token agent.env
mount --bind /etc/rancher /etc/rancher
mount -o remount,ro,bind /etc/rancher
cd /etc/rancher/k3s
tell read-only run k3s-agent -t other -s ${URL}
tell after contents agent-token agent.env
umount -l /etc/rancher
mkdir /tmp/copy
cp -a /etc/rancher/. /tmp/copy
mount -t tmpfs -o size=4k,nr_inodes=64 full /etc/rancher
mkdir -p /etc/rancher/k3s/config.yaml.d
cd /etc/rancher/k3s
head -c 4096 /dev/zero >filling
tell full run k3s-agent -t other -s ${URL}
tell left ls`,
    );
    const said = {
      status: 1,
      text: expect.stringContaining("agent-token could not be written: is /etc/rancher/k3s on a writable filesystem"),
    };
    expect(told["read-only"]).toEqual(said);
    expect(told["after"]).toEqual(told["before"]);
    expect(told["full"]).toEqual(said);
    expect(told["left"]?.text.split("\n")).toEqual(["config.yaml.d", "filling"]);
  });
});

describe("each check fails", () => {
  it.each([
    { check: expectFilesWritten, why: "all may read the files", from: '! chmod 0600 "$1.new"', to: '! chmod 0644 "$1.new"' },
    {
      check: expectFilesWritten,
      why: "the token is in the environment",
      from: "K3S_TOKEN_FILE=$token_file",
      to: "K3S_TOKEN=$token",
    },
    { check: expectFilesWritten, why: "labels run together", from: `  - "&"/'`, to: `"&"/'` },
    { check: expectFlushed, why: "nothing is flushed", from: "\nsync\n", to: "\n" },
    { check: expectLostTold, why: "an empty file is another cluster's", from: '[ -z "$joined" ] || ', to: "" },
    { check: expectIdempotence, why: "files are always written", from: '[ "$(cat "$1")" = "$2" ]', to: "false" },
    { check: expectIdempotence, why: "a slash is another server", from: "server=${2%/}", to: "server=$2" },
  ])("where $why", async ({ check, from, to }) => {
    await using defective = await openDevice({ file: "/usr/bin/k3s-agent", from, to });
    await expect(check(defective, "dash")).rejects.toThrow("expected");
  });
});
