import { describe, expect, test } from "vitest";
import { formatKernelFindings } from "./format-kernel-findings.ts";
import { appliesTo, judgeKernel } from "./judge-kernel.ts";
import type { KernelUse } from "./kernel-need.ts";
import { parseFragment } from "./parse-fragment.ts";
import { parseKernelConfig } from "./parse-kernel-config.ts";
import { readKernelNeeds } from "./read-kernel.ts";
import { selectModuleNames } from "./select-module-names.ts";

const use: KernelUse = { version: [6, 18], arch: "x86-64", snapshotter: "overlayfs", flannel: "vxlan", iptables: "nft" };

const fragment = `# What this file is about.

# Pods talk
# across nodes.
# k3s: required flannel=vxlan,host-gw module=vxlan,udp_tunnel
CONFIG_VXLAN=m

# It must be a module.
# k3s: required exact module=nf_tables
CONFIG_NF_TABLES=m

# It is in the way.
# k3s: recommended since=6.17 arch=x86-64
# CONFIG_RT_GROUP_SCHED is not set
`;
const needs = parseFragment(fragment, "test.cfg");

describe("parseFragment", () => {
  test("gives symbol, value, level, conditions, modules and the reason of each stanza", () => {
    expect(needs).toEqual([
      {
        symbol: "CONFIG_VXLAN",
        value: "m",
        exact: false,
        level: "required",
        modules: ["vxlan", "udp_tunnel"],
        conditions: { flannel: ["vxlan", "host-gw"] },
        reason: "Pods talk across nodes.",
        fragment: "test.cfg",
      },
      expect.objectContaining({ symbol: "CONFIG_NF_TABLES", value: "m", exact: true }),
      expect.objectContaining({
        symbol: "CONFIG_RT_GROUP_SCHED",
        value: "n",
        level: "recommended",
        conditions: { since: [6, 17], arch: ["x86-64"] },
      }),
    ]);
  });

  test.each([
    ["# k3s: required\nCONFIG_A=y", "a stanza says why the symbol is needed"],
    ["# Why.\nCONFIG_A=y", "exactly one line that begins with # k3s:"],
    ["# Why.\n# k3s: required\nCONFIG_A=y\nCONFIG_B=y", "sets exactly one symbol"],
    ["# Why.\n# k3s: needed\nCONFIG_A=y", '"needed" is neither required nor recommended'],
    ["# Why.\n# k3s: required colour=red\nCONFIG_A=y", '"colour=red" is not part of the grammar'],
    ["# Why.\n# k3s: required since=six\nCONFIG_A=y", '"since=six" does not give a version'],
    ["# Why.\n# k3s: required exact\nCONFIG_A=y", "exact goes with =m only"],
    ["# Why.\n# k3s: required\nCONFIG_A=y\nnonsense", "neither comment nor CONFIG_X"],
  ])("refuses %j", (text, words) => {
    const parse = (): unknown => parseFragment(`# Head.\n\n${text}\n`, "bad.cfg");
    const problem: unknown = expect.stringMatching(/^line 3: /);
    expect(parse).toThrow(expect.objectContaining({ message: expect.stringContaining("bad.cfg"), problems: [problem] }));
    expect(parse).toThrow(expect.objectContaining({ problems: [expect.stringContaining(words)] }));
  });

  test("every fragment of the layer follows the grammar and no symbol stands in two stanzas", async () => {
    const all = await readKernelNeeds();
    expect(all.length).toBeGreaterThan(80);
    const symbols = all.map((need) => need.symbol);
    expect(symbols.filter((symbol, index) => symbols.indexOf(symbol) !== index)).toEqual([]);
  });
});

test("appliesTo holds every condition, bounds included", () => {
  const [vxlan, , rt] = needs;
  expect(vxlan && appliesTo(vxlan, use)).toBe(true);
  expect(vxlan && appliesTo(vxlan, { ...use, flannel: "none" })).toBe(false);
  expect(rt && appliesTo(rt, { ...use, version: [6, 17] })).toBe(true);
  expect(rt && appliesTo(rt, { ...use, version: [6, 16] })).toBe(false);
  expect(rt && appliesTo(rt, { ...use, version: [7, 0] })).toBe(true);
  expect(rt && appliesTo(rt, { ...use, arch: "arm" })).toBe(false);
});

describe("judgeKernel", () => {
  const good = "# Linux/x86 6.18.2 Kernel Configuration\nCONFIG_VXLAN=m\nCONFIG_NF_TABLES=m\n# CONFIG_RT_GROUP_SCHED is not set\n";
  const modules = new Set(["vxlan", "udp_tunnel", "nf_tables"]);
  const judge = (config: string, present: ReadonlySet<string> | undefined = modules): string[] =>
    judgeKernel(needs, { config: parseKernelConfig(config, "test"), modules: present }, use).map(
      (finding) => `${finding.need.symbol} ${finding.status} ${finding.found}`,
    );

  test("a kernel that meets all passes", () => {
    expect(judge(good).every((line) => line.includes(" met "))).toBe(true);
  });

  test.each([
    ["CONFIG_VXLAN=m", "", "CONFIG_VXLAN unmet is not set"],
    ["CONFIG_VXLAN=m", "# CONFIG_VXLAN is not set", "CONFIG_VXLAN unmet is not set"],
    ["CONFIG_NF_TABLES=m", "CONFIG_NF_TABLES=y", "CONFIG_NF_TABLES unmet is y"],
    ["# CONFIG_RT_GROUP_SCHED is not set", "CONFIG_RT_GROUP_SCHED=y", "CONFIG_RT_GROUP_SCHED unmet is y"],
  ])("with %j as %j it fails by name", (from, to, finding) => {
    expect(judge(good.replace(from, to))).toContain(finding);
  });

  test("a symbol built in where a module would do is met, its .ko not asked for", () => {
    expect(judge(good.replace("VXLAN=m", "VXLAN=y"), new Set(["nf_tables"]))).toContain("CONFIG_VXLAN met is y");
  });

  test("a module that is not in the root filesystem fails by name", () => {
    const without = new Set(["vxlan", "nf_tables"]);
    expect(judge(good, without)).toContain("CONFIG_VXLAN module-missing udp_tunnel.ko not in the root filesystem");
  });

  test("the report names symbol, reason, fragment and the totals", () => {
    const findings = judgeKernel(needs, { config: parseKernelConfig(good.replace("CONFIG_VXLAN=m\n", ""), "x"), modules }, use);
    const text = formatKernelFindings(findings, use, "device");
    expect(text).toContain(
      "CONFIG_VXLAN is not set, must be m or y\n      why: Pods talk across nodes.\n      cure: merge test.cfg",
    );
    expect(text).toContain("2 of 3 needs are met, 1 required and 0 recommended ones are not.");
  });
});

describe("parseKernelConfig", () => {
  test.each([
    ["# Linux/x86 6.1.0-18 Kernel Configuration", [6, 1], "x86-64"],
    ["# Linux/arm64 6.12.57 Kernel Configuration", [6, 12], "arm64"],
    ["# Linux/arm 6.18.0 Kernel Configuration", [6, 18], "arm"],
    ["# no head", undefined, undefined],
  ])("reads version and architecture of %j", (head, version, arch) => {
    expect(parseKernelConfig(`${head}\nCONFIG_A=y\n`, "x")).toMatchObject({ version, arch });
  });

  test("refuses what is no configuration", () => {
    expect(() => parseKernelConfig("hello", "notes.txt")).toThrow(/notes.txt holds no kernel configuration/);
  });
});

test("module names are taken from paths, compressed or not", () => {
  const names = selectModuleNames(["kernel/net/bridge/br_netfilter.ko", "a/nft-compat.ko.xz", "b/zfs.ko.zst", "README", ""]);
  expect([...names]).toEqual(["br_netfilter", "nft_compat", "zfs"]);
});
