import { describe, expect, test } from "vitest";
import { isSwitchedOn, type K3sConfigFiles, parseK3sConfig, parseK3sConfigDump, selectList } from "./parse-k3s-config.ts";
import { planExpectations } from "./plan-expectations.ts";

function config(...texts: string[]): K3sConfigFiles {
  return { files: texts.map((text, index) => ({ path: `${index}.yaml`, text })), args: ["server"], manifests: [] };
}

function namesOf(files: K3sConfigFiles): string[] {
  return planExpectations({ config: files, nodeNames: ["guest"] }).workloads.map((workload) => workload.name);
}

const ALL = [
  "coredns",
  "local-path-provisioner",
  "metrics-server",
  "helm-install-traefik-crd",
  "helm-install-traefik",
  "traefik",
  "svclb-traefik-*",
];
const without = (...names: string[]): string[] => ALL.filter((name) => !names.some((absent) => name.includes(absent)));

describe("k3s's configuration", () => {
  test("a later file replaces a key, a key with + adds to it", () => {
    const options = parseK3sConfig(config("disable: [traefik]\nnode-name: a", "disable+: servicelb", "node-name: b"));
    expect(options.get("disable")).toEqual(["traefik", "servicelb"]);
    expect(options.get("node-name")).toEqual(["b"]);
    expect(parseK3sConfig(config("disable: traefik", "disable: coredns")).get("disable")).toEqual(["coredns"]);
    expect(parseK3sConfig(config("disable+: traefik")).get("disable")).toEqual(["traefik"]);
  });

  test("the command line adds to repeatable flags and decides over switches", () => {
    const given = {
      ...config("disable: traefik\ndisable-helm-controller: true"),
      args: ["server", "--disable", "coredns,metrics-server", "--disable-helm-controller=false", "--debug"],
    };
    const options = parseK3sConfig(given);
    expect(selectList(options, "disable")).toEqual(["traefik", "coredns", "metrics-server"]);
    expect(isSwitchedOn(options, "disable-helm-controller")).toBe(false);
    expect(isSwitchedOn(options, "debug")).toBe(true);
    expect(isSwitchedOn(options, "rootless")).toBe(false);
  });

  test("an empty file is an empty configuration, one that is no mapping is an error that names it", () => {
    expect(parseK3sConfig(config("", "# nothing")).size).toBe(0);
    expect(() => parseK3sConfig(config("- a\n- b"))).toThrow(/0\.yaml is not a k3s configuration/);
    expect(() => parseK3sConfig(config("a: [1"))).toThrow(/0\.yaml is not a k3s configuration/);
  });

  test("the guest's dump gives files, the unit's arguments and manifests", () => {
    const dump = [
      "@file /etc/rancher/k3s/config.yaml",
      "disable: traefik",
      "",
      "@file /etc/rancher/k3s/config.yaml.d/10-x.yml",
      "debug: true",
      "",
      "@file /etc/rancher/k3s/config.yaml.d/README",
      "not yaml",
      "@args",
      "ExecStart={ path=/usr/bin/k3s ; argv[]=/usr/bin/k3s server --disable servicelb ; ignore_errors=no ; start_time=[n/a] }",
      "@manifests",
      "coredns.yaml.skip",
      "",
    ].join("\n");
    expect(parseK3sConfigDump(dump)).toEqual({
      files: [
        { path: "/etc/rancher/k3s/config.yaml", text: "disable: traefik\n\n" },
        { path: "/etc/rancher/k3s/config.yaml.d/10-x.yml", text: "debug: true\n\n" },
      ],
      args: ["server", "--disable", "servicelb"],
      manifests: ["coredns.yaml.skip"],
    });
  });
});

function countNodes(nodeNames: string[], text = "", nodeCount?: number): number {
  return planExpectations({ config: config(text), nodeNames, ...(nodeCount === undefined ? {} : { nodeCount }) }).nodeCount;
}

describe("what is expected", () => {
  test.each<[string, K3sConfigFiles, string[]]>([
    ["nothing is disabled", config(), ALL],
    ["one component is disabled", config("disable: coredns"), without("coredns")],
    ["several are, in one word", config("disable: coredns,metrics-server"), without("coredns", "metrics-server")],
    ["local-storage is disabled", config("disable: [local-storage]"), without("local-path")],
    ["traefik is disabled", config("disable: traefik"), without("traefik")],
    ["servicelb is disabled", config("disable: servicelb"), without("svclb")],
    ["the Helm controller is off", config("disable-helm-controller: true"), without("traefik")],
    ["the Helm controller is on in so many words", config("disable-helm-controller: false"), ALL],
    ["network policies are off", config("disable-network-policy: true"), ALL],
    ["a manifest is skipped", { ...config(), manifests: ["coredns.yaml.skip", "traefik.yaml"] }, without("coredns")],
    ["the unit's command line disables", { ...config(), args: ["server", "--disable=metrics-server"] }, without("metrics-server")],
    ["a component has a name like another's", config("disable: core"), ALL],
  ])("when %s", (_name, files, names) => {
    expect(namesOf(files)).toEqual(names);
  });

  test("nodes are counted by name, by number, or by there being an agent", () => {
    expect(countNodes([])).toBe(1);
    expect(countNodes(["a", "b"])).toBe(2);
    expect(countNodes(["a"], "", 3)).toBe(3);
    expect(countNodes([], "disable-agent: true")).toBe(0);
  });

  test("the caller's workloads and namespaces are added", () => {
    const extra = { kind: "Deployment", namespace: "default", name: "web", because: "the test deploys it" } as const;
    const plan = planExpectations({
      config: config(),
      nodeNames: [],
      workloads: [extra],
      strictNamespaces: ["default", "kube-system"],
    });
    expect(plan.workloads.at(-1)).toEqual(extra);
    expect(plan.strictNamespaces).toEqual(["kube-system", "default"]);
  });
});
