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
const DIGEST = "0123456789abcdef".repeat(4);

interface Refusal {
  readonly args: readonly string[];
  /** Part of what is said. */
  readonly says: string;
}

const server = (url: string, says: string): Refusal => ({ args: ["-t", "x", "-s", url], says });
const token = (text: string, says: string): Refusal => ({ args: ["-t", text, "-s", URL], says });
const option = (args: readonly string[], says: string): Refusal => ({ args: ["-t", "x", "-s", URL, ...args], says });

const REFUSED: readonly Refusal[] = [
  { args: [], says: "the server is missing" },
  { args: ["-t", "x"], says: "the server is missing" },
  { args: ["-s", URL], says: "the token is missing" },
  { args: ["-t"], says: "-t needs a value" },
  { args: ["-t", "x", "-s"], says: "-s needs a value" },
  server("http://a:6443", "must be written as https://SERVER:6443"),
  server("a:6443", "must be written as https://SERVER:6443"),
  server("https://", "must be written as https://SERVER:6443"),
  server("https://a", "the server's port is missing: https://a:6443"),
  server("https://:6443", "the server's name is missing"),
  server("https://[]:6443", "the server's name is missing"),
  server("https://a:", "is not a port"),
  server("https://a:0", "'0' is not a port"),
  server("https://a:65536", "'65536' is not a port"),
  server("https://a:99999999999999999999", "is not a port"),
  server("https://a:64x3", "'64x3' is not a port"),
  server("https://a:6443/cacerts", "must be written as"),
  server("https://a b:6443", "must be written as"),
  server("https://a$(id):6443", "must be written as"),
  server("https://a\nK3S_TOKEN=b:6443", "must be written as"),
  server("https://fe80::1:6443", "written in brackets, https://[fe80::1:6443]:6443"),
  token("", "the token is missing"),
  token("a b", "one line without blanks"),
  token("a\nb", "one line without blanks"),
  token("/no/such", "there is no token file /no/such"),
  token("./such", "there is no token file ./such"),
  token("/tmp/empty", "the token is empty"),
  token("/tmp/two-lines", "one line without blanks"),
  token("K10abc", "cut off"),
  token(`K10${DIGEST}`, "cut off"),
  token(`K10${DIGEST}::`, "cut off"),
  token("K10abc::server:x", "damaged: 3 digits after K10, not 64"),
  token(`K10${DIGEST}0::server:x`, "damaged: 65 digits"),
  token(`K10${DIGEST.replace("a", "g")}::server:x`, "damaged: after K10 come 64 hexadecimal digits"),
  option(["--node-name", "Bad"], "cannot be a node's name"),
  option(["--node-name", "-a"], "cannot be a node's name"),
  option(["--node-name", "a..b"], "cannot be a node's name"),
  option(["--node-name", "a_b"], "cannot be a node's name"),
  option(["--node-name", ""], "cannot be a node's name"),
  option(["--node-name", "a\nb"], "cannot be a node's name"),
  option(["--node-name", "a".repeat(254)], "cannot be a node's name"),
  option(["--node-label", "a"], "KEY=VALUE, not 'a'"),
  option(["--node-label", "=a"], "KEY=VALUE, not '=a'"),
  option(["--node-label", "a=b c"], "'b c' cannot be a label's value"),
  option(["--node-label", "a=b\n- c"], "cannot be a label's value"),
  option(["--node-label", `a=${"b".repeat(64)}`], "cannot be a label's value"),
  option(["--node-label", '"=x'], "cannot be a label's key"),
  option(["--node-label", "A.b/c/d=x"], "cannot be a label's key"),
  option(["--node-label", "kubernetes.io/role=x"], "may not give itself the label 'kubernetes.io/role'"),
  option(["--node-label", "node-role.kubernetes.io/edge=x"], "may not give itself the label"),
  option(["--node-label", "node.k8s.io/a=x"], "may not give itself the label"),
  option(["--timeout", "abc"], "is not a number of seconds"),
  option(["--timeout", "-1"], "is not a number of seconds"),
  option(["--timeout", ""], "is not a number of seconds"),
  option(["--timeout", "99999999999999999999"], "is not a number of seconds"),
  option(["--bogus"], "unknown option '--bogus'"),
  option(["y"], "unexpected argument 'y'"),
  option(["--with-node-id=yes"], "unexpected argument 'yes'"),
];

const ACCEPTED: readonly (readonly string[])[] = [
  ["-t", "x", "-s", URL],
  ["-t", `K10${DIGEST}::server:sec/ret`, "-s", "https://k3s.example.org:6443/"],
  ["--token=a=b", "--server=https://[fe80::1]:6443"],
  ["-t", "x", "-s", "https://a_b.c-d:65535", "--node-name", "a-1.b2", "--timeout", "0"],
  ["-t", "x", "-s", URL, "--node-name", "a".repeat(253)],
  ["-t", "x", "-s", URL, "--node-label", "a=", "--node-label=c.d/e_F.g=H-i_j.k"],
  ["-t", "x", "-s", URL, "--node-label", "topology.kubernetes.io/zone=a", "--node-label", "node.kubernetes.io/type=b"],
  ["-t", "x", "-s", URL, "--with-node-id"],
];

function quoted(args: readonly string[]): string {
  return args.map((arg) => `'${arg.replaceAll("'", String.raw`'\''`)}'`).join(" ");
}

async function expectRefused(on: Device, shell: DeviceShell, refusals = REFUSED): Promise<void> {
  const told = await on.run(
    shell,
    `: >/run/units/k3s-agent.service.installed
: >/tmp/empty
printf 'a\\nb\\n' >/tmp/two-lines
tell before contents /etc/rancher /var/lib/rancher
${refusals.map(({ args }, index) => `tell ${index} run k3s-agent ${quoted(args)}`).join("\n")}
tell after contents /etc/rancher /var/lib/rancher
tell log cat /run/units/log`,
  );
  const seen = refusals.map(({ args }, index) => ({ args, status: told[index]?.status, says: told[index]?.text }));
  expect(seen).toEqual(refusals.map(({ args, says }) => ({ args, status: 2, says: expect.stringContaining(says) })));
  for (const { says } of seen) expect(says).toMatch(/^k3s-agent: [^]*\(see k3s-agent --help\)$/u);
  expect(told["after"]).toEqual(told["before"]);
  expect(told["log"]?.status).not.toBe(0);
}

describe.each(DEVICE_SHELLS)("k3s-agent under %s", (shell) => {
  it("refuses wrong input, says why, and writes nothing", async () => {
    await expectRefused(device, shell);
  });

  it("takes what k3s takes", async () => {
    const told = await device.run(
      shell,
      `: >/run/units/k3s-agent.service.installed
${ACCEPTED.map((args, index) => `tell ${index} run k3s-agent ${quoted(args)}\nrm /etc/rancher/k3s/agent.env`).join("\n")}`,
    );
    const seen = ACCEPTED.map((args, index) => ({ args, status: told[index]?.status, says: told[index]?.text }));
    expect(seen).toEqual(
      ACCEPTED.map((args) => ({
        args,
        status: 0,
        says: expect.stringMatching(/^k3s-agent: (joined|k3s-agent.service is starting)/u),
      })),
    );
  });

  it("tells its usage, on its standard output", async () => {
    const told = await device.run(shell, `help() { run k3s-agent --help 2>/dev/null; }\ntell help help`);
    expect(told["help"]).toEqual({ status: 0, text: expect.stringContaining("usage: k3s-agent -t TOKEN") });
  });
});

describe("the check of the input fails", () => {
  it.each([
    { why: "blanks in a token pass", from: "*[![:graph:]]*) wrong", to: "/*/*/*) wrong" },
    { why: "any port passes", from: '"$port" -gt 65535', to: '"$port" -gt 655350' },
    { why: "line breaks pass a regular expression", from: "*'\n'*) return 1 ;;", to: "" },
    { why: "labels of kubelet's own pass", from: "kubernetes.io/* | *.kubernetes.io/* | k8s.io/* | *.k8s.io/*)", to: "never)" },
    {
      why: "files are written before the input is checked",
      from: '\ncheck_token "$token"\n',
      to: '\nput "$token_file" x\ncheck_token "$token"\n',
    },
  ])("where $why", async ({ from, to }) => {
    await using defective = await openDevice({ file: "/usr/bin/k3s-agent", from, to });
    await expect(expectRefused(defective, "dash")).rejects.toThrow("expected");
  });
});
