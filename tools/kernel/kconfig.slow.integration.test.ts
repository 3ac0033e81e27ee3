import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { EXIT } from "../core/exit-codes.ts";
import { cacheFolderOf } from "../host/read-host-state.ts";
import { openContext } from "../recipe/testing/open-context.ts";
import { appliesTo, judgeKernel } from "./judge-kernel.ts";
import type { KernelArch, KernelConfig, KernelNeed, KernelUse } from "./kernel-need.ts";
import { parseKernelConfig } from "./parse-kernel-config.ts";
import { readKernelConfig, readKernelNeeds } from "./read-kernel.ts";
import { openDebianArchive } from "./testing/open-debian-archive.ts";
import type { DebianArchive } from "./testing/open-debian-archive.ts";
import { openKernelSources, readDebianConfig } from "./testing/open-kernel-sources.ts";
import type { KernelSources } from "./testing/open-kernel-sources.ts";

// The referee is the kernel's own Kconfig: the fragments are merged and settled by `make olddefconfig` in Debian's kernel sources, the stable ones
// and the newest that are backported, and judged by what the product judges with. It also has to say the right thing of Debian's own kernels.

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const FRAGMENTS = join(REPOSITORY, "recipes-kernel/linux/k3s");
const ARCHES = ["x86-64", "arm64", "arm"] as const;
const SUITES = ["stable", "backports"] as const;

/** Every snapshotter and backend that brings a fragment, each in one configuration of its own as a build has them. */
const BUILDS = [
  ["overlayfs", "vxlan"],
  ["btrfs", "wireguard-native"],
  ["zfs", "vxlan"],
  ["fuse-overlayfs", "host-gw"],
] as const;
const IPTABLES = ["legacy", "nft"] as const;

let ctx: Context;
let scratch: string;
let archive: DebianArchive;
let cache: string;
let needs: readonly KernelNeed[];
const series = new Map<(typeof SUITES)[number], string>();
const sources = new Map<(typeof SUITES)[number], KernelSources>();

function sourcesOf(suite: (typeof SUITES)[number]): KernelSources {
  const found = sources.get(suite);
  if (found === undefined) throw new Error(`the sources of ${suite} were not opened`);
  return found;
}

beforeAll(async () => {
  ctx = openContext(REPOSITORY, process.env);
  scratch = await mkdtemp(join(tmpdir(), "meta-k3s-kconfig-"));
  cache = join(cacheFolderOf(process.env), "kconfig");
  await mkdir(cache, { recursive: true });
  needs = await readKernelNeeds();
  archive = await openDebianArchive(ctx, join(cache, "apt"));
  for (const suite of SUITES) {
    const version = await archive.readSeries(suite);
    const opened = await openKernelSources(ctx, archive, { series: version, cache, scratch });
    process.stderr.write(`Kconfig of Debian's ${opened.package.name} ${opened.package.version}\n`);
    series.set(suite, version);
    sources.set(suite, opened);
  }
}, 7_200_000);

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

function useOf(config: KernelConfig, rest: Pick<KernelUse, "snapshotter" | "flannel" | "iptables">): KernelUse {
  if (config.version === undefined || config.arch === undefined) throw new Error("the configuration does not tell its kernel");
  return { ...rest, version: config.version, arch: config.arch };
}

/** What the judge finds fault with: "required CONFIG_X is not set". */
function judge(config: KernelConfig, rest: Pick<KernelUse, "snapshotter" | "flannel" | "iptables">): readonly string[] {
  return judgeKernel(needs, { config, modules: undefined }, useOf(config, rest))
    .filter((finding) => finding.status !== "met")
    .map(({ need, found }) => `${need.level} ${need.symbol} ${found}`);
}

/** What it finds in any use that there is, once each, with the condition that it hangs on: "... (iptables=legacy)". */
function judgeEveryUse(config: KernelConfig): readonly string[] {
  const found = new Map<string, Set<string>>();
  for (const [snapshotter, flannel] of BUILDS) {
    for (const iptables of IPTABLES) {
      for (const line of judge(config, { snapshotter, flannel, iptables })) {
        const uses = found.get(line) ?? new Set();
        found.set(line, uses.add(`snapshotter=${snapshotter}`).add(`iptables=${iptables}`));
      }
    }
  }
  return [...found]
    .map(([line, uses]) => (uses.size === BUILDS.length + IPTABLES.length ? line : `${line} (${formatUses(uses)})`))
    .sort();
}

function formatUses(uses: ReadonlySet<string>): string {
  const narrow = (name: string, all: number): readonly string[] => {
    const given = [...uses].filter((use) => use.startsWith(`${name}=`));
    return given.length === all ? [] : given;
  };
  return [...narrow("snapshotter", BUILDS.length), ...narrow("iptables", IPTABLES.length)].join(" ");
}

/** The fragments that a build merges, as K3S_KERNEL_CONCERNS (k3s-kernel-requirements.bbclass) has them: whatever the kernel and its kind of iptables. */
async function readFragments(snapshotter: string, flannel: string): Promise<string> {
  const use = { version: [99, 0], arch: "x86-64", snapshotter, flannel } as const;
  const wanted = new Set(
    needs.filter((need) => IPTABLES.some((iptables) => appliesTo(need, { ...use, iptables }))).map((need) => need.fragment),
  );
  const names = (await readdir(FRAGMENTS)).filter((name) => wanted.has(name)).sort();
  return (await Promise.all(names.map((name) => readFile(join(FRAGMENTS, name), "utf8")))).join("\n");
}

/** The fragments with one symbol asked for otherwise; "n" asks for it to be off. */
function change(text: string, symbol: string, value: "y" | "m" | "n"): string {
  const asked = new RegExp(`^(?:${symbol}=[ym]|# ${symbol} is not set)$`, "mu");
  if (!asked.test(text)) throw new Error(`no fragment asks for ${symbol}`);
  return text.replace(asked, value === "n" ? `# ${symbol} is not set` : `${symbol}=${value}`);
}

async function runKernelCheck(file: string, ...options: readonly string[]): Promise<{ status: number | undefined; text: string }> {
  const argv = [process.execPath, join(REPOSITORY, "tools/build.ts"), "kernel", "check", file, ...options];
  const { status, stdout, stderr } = await ctx.exec.run(argv);
  return { status, text: `${stdout}${stderr}` };
}

/** What the layer's own judge (lib/k3s_layer/kernel_config.py), which BitBake runs, calls missing: symbols. */
async function askLayer(file: string, use: KernelUse): Promise<readonly string[]> {
  const { version, ...settings } = use;
  const script = `import json, sys
from k3s_layer import kernel_config
fragments, file, settings, version = sys.argv[1:]
config = kernel_config.parse_config(open(file, encoding="utf-8").read())
needs = kernel_config.read_fragments(fragments)
missing = kernel_config.missing_symbols(needs, config, json.loads(settings), tuple(json.loads(version)))
print(json.dumps([need.symbol for need in missing]))`;
  const argv = ["python3", "-c", script, FRAGMENTS, file, JSON.stringify(settings), JSON.stringify(version)];
  const { stdout } = await ctx.exec.runCheck(argv, { env: { PYTHONPATH: join(REPOSITORY, "lib"), PYTHONDONTWRITEBYTECODE: "1" } });
  return JSON.parse(stdout) as readonly string[];
}

describe.each(SUITES)("Kconfig of Debian's kernel, %s", { timeout: 3_600_000 }, (suite) => {
  describe.each(ARCHES)("%s", (arch) => {
    test("every symbol of the fragments takes effect as asked, whatever a build chooses", async () => {
      for (const [snapshotter, flannel] of BUILDS) {
        const file = await sourcesOf(suite).configure(arch, await readFragments(snapshotter, flannel));
        const config = await readKernelConfig(file);
        expect(config.arch).toBe(arch);
        expect(config.version?.join(".")).toBe(series.get(suite));
        for (const iptables of IPTABLES) {
          const unmet = judge(config, { snapshotter, flannel, iptables });
          expect({ snapshotter, flannel, iptables, unmet }).toEqual({ snapshotter, flannel, iptables, unmet: [] });
        }
      }
    });

    test("the defconfig alone fails, and the judge names what it lacks", async () => {
      const file = await sourcesOf(suite).configureBare(arch);
      const use = { snapshotter: "overlayfs", flannel: "vxlan", iptables: "nft" };
      const unmet = judge(await readKernelConfig(file), use);
      expect(unmet).toEqual(expect.arrayContaining(LACKING[arch].map((symbol) => `required ${symbol} is not set`)));
      const { status, text } = await runKernelCheck(file);
      expect(status).toBe(EXIT.guest);
      for (const symbol of LACKING[arch]) expect(text).toContain(`${symbol} is not set, must be `);
    });

    test("the layer's judge in Python, which BitBake runs, names the same", async () => {
      const file = await sourcesOf(suite).configureBare(arch);
      const config = await readKernelConfig(file);
      for (const [snapshotter, flannel] of BUILDS) {
        for (const iptables of IPTABLES) {
          const use = useOf(config, { snapshotter, flannel, iptables });
          const own = judge(config, use).map((line) => line.split(" ")[1]);
          expect(new Set(await askLayer(file, use))).toEqual(new Set(own));
        }
      }
    });
  });
});

/** Some of what each architecture's defconfig leaves out (arch/x86/configs/x86_64_defconfig, arch/arm64/configs/defconfig, arch/arm/configs/multi_v7_defconfig). */
const LACKING: Readonly<Record<KernelArch, readonly string[]>> = {
  "x86-64": ["CONFIG_BRIDGE_NETFILTER", "CONFIG_IP_SET", "CONFIG_OVERLAY_FS", "CONFIG_VXLAN"],
  arm64: ["CONFIG_IP_SET", "CONFIG_NETFILTER_XT_MATCH_COMMENT", "CONFIG_NETFILTER_XT_MATCH_STATISTIC"],
  arm: ["CONFIG_BRIDGE_NETFILTER", "CONFIG_CGROUP_BPF", "CONFIG_MEMCG", "CONFIG_OVERLAY_FS", "CONFIG_VXLAN"],
};

describe("a symbol that is not asked for", { timeout: 3_600_000 }, () => {
  const use = { snapshotter: "overlayfs", flannel: "vxlan", iptables: "nft" };

  test.each([
    ["x86-64", "CONFIG_VXLAN"],
    ["x86-64", "CONFIG_MEMCG"],
    ["arm64", "CONFIG_CGROUP_BPF"],
    ["arm", "CONFIG_OVERLAY_FS"],
  ] as const)("is named alone (%s, %s)", async (arch, symbol) => {
    const text = change(await readFragments(use.snapshotter, use.flannel), symbol, "n");
    const file = await sourcesOf("stable").configure(arch, text);
    expect(judge(await readKernelConfig(file), use)).toEqual([`required ${symbol} is not set`]);
    const { status, text: told } = await runKernelCheck(file, "--iptables", use.iptables);
    expect(status).toBe(EXIT.guest);
    expect(told).toContain(`${symbol} is not set, must be `);
  });

  test.each([
    // net/netfilter/Kconfig: NETFILTER_XT_MATCH_PHYSDEV depends on BRIDGE_NETFILTER.
    ["arm64", "CONFIG_BRIDGE_NETFILTER", ["CONFIG_NETFILTER_XT_MATCH_PHYSDEV"]],
    // net/netfilter/ipset/Kconfig: the kinds of sets stand in `if IP_SET`; net/netfilter/Kconfig: NETFILTER_XT_SET depends on it.
    ["x86-64", "CONFIG_IP_SET", ["CONFIG_IP_SET_HASH_IP", "CONFIG_IP_SET_HASH_NET", "CONFIG_NETFILTER_XT_SET"]],
  ] as const)("takes with it what depends on it, and all of that is named (%s, %s)", async (arch, symbol, dependents) => {
    const text = change(await readFragments(use.snapshotter, use.flannel), symbol, "n");
    const file = await sourcesOf("stable").configure(arch, text);
    const unmet = judge(await readKernelConfig(file), use);
    expect(new Set(unmet)).toEqual(new Set([symbol, ...dependents].map((name) => `required ${name} is not set`)));
  });

  test("is named once for each fragment that asks for one", async () => {
    const builds = { snapshotter: "btrfs", flannel: "wireguard-native", iptables: "legacy" };
    const dropped = [
      "CONFIG_BTRFS_FS_POSIX_ACL",
      "CONFIG_CGROUP_PIDS",
      "CONFIG_POSIX_MQUEUE",
      "CONFIG_IP_NF_MANGLE",
      "CONFIG_NETFILTER_XT_MATCH_COMMENT",
      "CONFIG_VETH",
      "CONFIG_WIREGUARD",
    ];
    let text = await readFragments(builds.snapshotter, builds.flannel);
    for (const symbol of dropped) text = change(text, symbol, "n");
    // The last of them is not off but built in, which its fragment forbids.
    const file = await sourcesOf("stable").configure("x86-64", change(text, "CONFIG_NF_TABLES", "y"));
    const unmet = judge(await readKernelConfig(file), builds);
    expect([...unmet].sort()).toEqual(
      [...dropped.map((symbol) => `required ${symbol} is not set`), "required CONFIG_NF_TABLES is y"].sort(),
    );
  });
});

test(
  "with PREEMPT_RT the newest kernel has all that k3s needs with iptables of the kind nft, and no legacy tables",
  { timeout: 3_600_000 },
  async () => {
    // net/netfilter/Kconfig since 6.17: NETFILTER_XTABLES_LEGACY depends on !PREEMPT_RT.
    const realTime = "\nCONFIG_EXPERT=y\nCONFIG_PREEMPT_RT=y\n";
    const file = await sourcesOf("backports").configure("x86-64", `${await readFragments("overlayfs", "vxlan")}${realTime}`);
    const config = await readKernelConfig(file);
    expect(config.values.get("CONFIG_PREEMPT_RT")).toBe("y");
    expect(judge(config, { snapshotter: "overlayfs", flannel: "vxlan", iptables: "nft" })).toEqual([]);
    expect(judge(config, { snapshotter: "overlayfs", flannel: "vxlan", iptables: "legacy" })).toEqual(NO_LEGACY);
  },
);

const NO_LEGACY = [
  "required CONFIG_NETFILTER_XTABLES_LEGACY is not set",
  "required CONFIG_IP_NF_IPTABLES_LEGACY is not set",
  "required CONFIG_IP_NF_FILTER is not set",
  "required CONFIG_IP_NF_NAT is not set",
  "required CONFIG_IP_NF_MANGLE is not set",
  "recommended CONFIG_IP6_NF_IPTABLES_LEGACY is not set",
  "recommended CONFIG_IP6_NF_FILTER is not set",
  "recommended CONFIG_IP6_NF_NAT is not set",
  "recommended CONFIG_IP6_NF_MANGLE is not set",
];

/** "# CONFIG_IKCONFIG is not set" in every configuration of package linux-config-*: linux-image-* brings /boot/config-* instead. */
const NO_CONFIG_IN_KERNEL = ["recommended CONFIG_IKCONFIG is not set", "recommended CONFIG_IKCONFIG_PROC is not set"];
/** Debian's kernels mount the root filesystem from an initial RAM disk, which has ext4.ko; config.amd64_none_cloud-amd64 has ext4 built in. */
const EXT4_IS_A_MODULE = "recommended CONFIG_EXT4_FS is m";

describe("Debian's own kernels", { timeout: 3_600_000 }, () => {
  test.each([
    ["stable", "amd64", "none_amd64", [EXT4_IS_A_MODULE, ...NO_CONFIG_IN_KERNEL]],
    ["stable", "amd64", "none_cloud-amd64", NO_CONFIG_IN_KERNEL],
    ["stable", "arm64", "none_arm64", [EXT4_IS_A_MODULE, ...NO_CONFIG_IN_KERNEL]],
    ["stable", "armhf", "none_armmp", [EXT4_IS_A_MODULE, ...NO_CONFIG_IN_KERNEL]],
    ["backports", "amd64", "none_amd64", [EXT4_IS_A_MODULE, ...NO_CONFIG_IN_KERNEL]],
    [
      "backports",
      "amd64",
      "none_rt-amd64",
      [
        EXT4_IS_A_MODULE,
        ...NO_CONFIG_IN_KERNEL,
        ...NO_LEGACY.map((line) => `${line} (iptables=legacy)`),
        // Debian asks for neither: IP_NF_NAT selects the one, IP_NF_TARGET_MASQUERADE, which stands in `if IP_NF_NAT`, the other
        // (net/ipv4/netfilter/Kconfig), and a real-time kernel has neither of them.
        "required CONFIG_NETFILTER_XT_NAT is not set",
        "required CONFIG_NETFILTER_XT_TARGET_MASQUERADE is not set",
      ],
    ],
  ] as const)("%s %s %s: exactly what is known is missing", async (suite, arch, flavour, known) => {
    const text = await readDebianConfig(ctx, archive, { series: series.get(suite) ?? "", cache, arch, flavour });
    expect(judgeEveryUse(parseKernelConfig(text, flavour))).toEqual([...known].sort());
  });
});
