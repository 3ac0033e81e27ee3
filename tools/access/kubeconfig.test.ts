import { expect, test } from "vitest";
import { parse } from "yaml";
import { planKubeconfig, planMergedKubeconfig } from "./plan-kubeconfig.ts";
import { planSshArgv } from "./plan-ssh-argv.ts";
import { parseDevice } from "./read-target.ts";

function k3sYaml(authority: string): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${authority}
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: Y2VydA==
    client-key-data: a2V5
`;
}

const kitchen = planKubeconfig(k3sYaml("QUFB"), { name: "kitchen", server: "https://192.0.2.7:6443", where: "k3s.yaml" });

test("the server's address, cluster, user and context are rewritten, credentials are not", () => {
  expect(parse(kitchen)).toMatchObject({
    clusters: [{ name: "kitchen", cluster: { server: "https://192.0.2.7:6443", "certificate-authority-data": "QUFB" } }],
    users: [{ name: "kitchen", user: { "client-key-data": "a2V5" } }],
    contexts: [{ name: "kitchen", context: { cluster: "kitchen", user: "kitchen" } }],
    "current-context": "kitchen",
    preferences: {},
  });
});

test("merging adds a cluster beside others and leaves the current context", () => {
  const cellar = planKubeconfig(k3sYaml("QkJC"), { name: "cellar", server: "https://192.0.2.8:6443", where: "k3s.yaml" });
  const merged: unknown = parse(planMergedKubeconfig(kitchen, cellar, "~/.kube/config"));
  expect(merged).toMatchObject({
    clusters: [{ name: "kitchen" }, { name: "cellar" }],
    contexts: [{ name: "kitchen" }, { name: "cellar" }],
    "current-context": "kitchen",
  });
});

test("the same cluster is brought up to date, another one's entries are never overwritten", () => {
  const moved = planKubeconfig(k3sYaml("QUFB"), { name: "kitchen", server: "https://192.0.2.9:6443", where: "k3s.yaml" });
  expect(parse(planMergedKubeconfig(kitchen, moved, "c"))).toMatchObject({
    clusters: [{ cluster: { server: "https://192.0.2.9:6443" } }],
  });
  const foreign = planKubeconfig(k3sYaml("Q0ND"), { name: "kitchen", server: "https://192.0.2.7:6443", where: "k3s.yaml" });
  expect(() => planMergedKubeconfig(kitchen, foreign, "~/.kube/config")).toThrow(/of another cluster, which are not overwritten/);
});

test("a user of that name without its cluster is somebody else's too", () => {
  const lone = "apiVersion: v1\nkind: Config\nclusters: []\nusers: [{name: kitchen, user: {}}]\ncontexts: []\n";
  expect(() => planMergedKubeconfig(lone, kitchen, "c")).toThrow(/not overwritten/);
});

test("an empty kubeconfig, as kubectl leaves it, takes the first cluster as current", () => {
  const empty = "apiVersion: v1\nkind: Config\nclusters: null\nusers: null\ncontexts: null\ncurrent-context: ''\n";
  expect(parse(planMergedKubeconfig(empty, kitchen, "c"))).toMatchObject({ "current-context": "kitchen" });
});

test("what is no kubeconfig is refused by name", () => {
  expect(() => planKubeconfig("hello", { name: "a", server: "b", where: "root@x:k3s.yaml" })).toThrow(
    /root@x:k3s\.yaml is no kubeconfig/,
  );
});

test.each([
  ["root@192.0.2.7", { user: "root", host: "192.0.2.7", port: 22 }],
  ["me@board.local:2222", { user: "me", host: "board.local", port: 2222 }],
  ["root@[2001:db8::1]:22", { user: "root", host: "2001:db8::1", port: 22 }],
  ["qemux86-64", undefined],
  ["root@host:99999", undefined],
  ["root@host:22; rm -rf /", undefined],
])("a device is told from a machine's name: %s", (text, device) => {
  expect(parseDevice(text)).toEqual(device);
});

test("ssh is called with the run's own key and the host key that was seen", () => {
  const target = {
    name: "m",
    ssh: { host: "127.0.0.1", port: 4022, user: "root", privateKeyPath: "/run/key", hostKey: "ssh-ed25519 AAAA" },
    machine: undefined,
  };
  expect(planSshArgv(target, { knownHostsPath: "/run/known", command: ["uptime"] }).join(" ")).toBe(
    "ssh -i /run/key -o IdentitiesOnly=yes -o UserKnownHostsFile=/run/known -o StrictHostKeyChecking=yes -p 4022 root@127.0.0.1 uptime",
  );
});
