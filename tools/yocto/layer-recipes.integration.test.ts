import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Context } from "../core/context.ts";
import { parseLock } from "../recipe/parse-lock.ts";
import { openContext } from "../recipe/testing/open-context.ts";
import { PROVIDERS, SNAPSHOTTERS } from "./build-choice.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { fetchChecks } from "./testing/fetch-checks.ts";
import { recipeOf, renderConfiguration, runLayerParser } from "./testing/run-layer-parser.ts";
import type { LayerAnswer, LayerCase } from "./testing/run-layer-parser.ts";

// What real BitBake makes of the recipes, without openembedded-core: the values that a build hangs on, and the files that k3s-conf writes.

const TIMEOUT_MS = 900_000;

let folder = "";
let ctx: Context;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-recipes-"));
  ctx = openContext(folder, process.env);
  await fetchChecks(ctx);
}, TIMEOUT_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function ask(lines: readonly string[], asked: Omit<LayerCase, "configuration">): Promise<LayerAnswer | undefined> {
  const [answer] = await runLayerParser(ctx, folder, [{ configuration: renderConfiguration({ lines }), ...asked }]);
  return answer;
}

function words(value: string | null | undefined): readonly string[] {
  return (value ?? "").split(/\s+/u).filter((word) => word !== "");
}

describe("values", () => {
  test("k3s's sources are its commit, the charts that are recorded, every module of the lock and the device's files", async () => {
    const { values } = recipeOf(
      await ask([], { recipes: ["k3s"], variables: ["SRC_URI", "SRCREV_k3s", "PV", "PACKAGECONFIG"] }),
      "k3s",
    );
    const lock = parseLock(await readFile(join(LAYER_FOLDER, "recipes-containers/k3s/k3s.lock.json"), "utf8"), "k3s.lock.json");
    const uris = words(values["SRC_URI"]);
    const release = `v${values["PV"] ?? ""}`;
    expect(uris.filter((uri) => uri.startsWith("gomod://"))).toHaveLength(
      lock.modules.filter(({ source }) => source.kind === "zip").length,
    );
    expect(uris.filter((uri) => uri.startsWith("gomod://") && !/;sha256sum=[0-9a-f]{64}$/u.test(uri))).toEqual([]);
    expect(uris.filter((uri) => uri.startsWith("git://"))).toEqual([
      `git://github.com/k3s-io/k3s;protocol=https;branch=release-${release.slice(1, 5)};name=k3s;destsuffix=k3s-${release.slice(1)}/src/github.com/k3s-io/k3s`,
    ]);
    expect(values["SRCREV_k3s"]).toMatch(/^[0-9a-f]{40}$/u);
    expect(uris.filter((uri) => uri.startsWith("file://"))).toHaveLength(19);
    expect(uris.some((uri) => uri.includes("k3s-charts"))).toBe(words(values["PACKAGECONFIG"]).includes("traefik"));
    expect(values["SRC_URI"]).not.toMatch(/\$\{|%/u);
  });

  test("without its charts' checksums, Traefik is refused with the command that records them", async () => {
    const answer = await ask(['PACKAGECONFIG:pn-k3s = "traefik"', 'K3S_CHARTS:pn-k3s = "traefik/traefik-0.tgz"'], {
      recipes: ["k3s"],
    });
    expect(recipeOf(answer, "k3s").skipped).toMatch(
      /^the checksums of traefik\/traefik-0\.tgz are not recorded\. Run `\.\/meta-k3s generate k3s v\S+`, or remove traefik from PACKAGECONFIG$/u,
    );
  });

  test.each([
    ["x86_64", "k3s"],
    ["aarch64", "k3s-arm64"],
  ])("the official binary for %s is fetched by its own name and checksum, and unpacked by nobody", async (arch, file) => {
    const configuration = renderConfiguration({ arch, fragments: ["enable", "official-binary"] });
    const [answer] = await runLayerParser(ctx, folder, [
      { configuration, recipes: ["k3s-bin"], variables: ["SRC_URI", "PV", "RPROVIDES:k3s-bin"] },
    ]);
    const { values } = recipeOf(answer, "k3s-bin");
    const [uri = ""] = words(values["SRC_URI"]);
    const release = values["PV"] ?? "";
    expect(uri).toMatch(
      /^https:\/\/github\.com\/k3s-io\/k3s\/releases\/download\/v[\d.]+%2Bk3s\d+\/[\w-]+;.*;sha256sum=[0-9a-f]{64}$/u,
    );
    expect(uri).toContain(`/${file};unpack=0;downloadfilename=k3s-${release}-${file};`);
    expect(values["RPROVIDES:k3s-bin"]).toBe("k3s");
  });

  test("packages come in the order in which files are given to them", async () => {
    const asked = { recipes: ["k3s", "k3s-conf", "packagegroup-k3s"], variables: ["PACKAGES"] };
    const answer = await ask([], asked);
    expect(asked.recipes.map((recipe) => words(recipeOf(answer, recipe).values["PACKAGES"]))).toEqual([
      ["k3s-dbg", "k3s-dev", "k3s-server", "k3s-agent", "k3s-contrib", "k3s"],
      ["k3s-conf-dbg", "k3s-conf-dev", "k3s-conf-server", "k3s-conf"],
      ["packagegroup-k3s-server", "packagegroup-k3s-agent", "packagegroup-k3s-node"],
    ]);
  });

  const further: Readonly<Record<(typeof SNAPSHOTTERS)[number], { packages: readonly string[]; modules: readonly string[] }>> = {
    overlayfs: { packages: [], modules: ["overlay"] },
    native: { packages: [], modules: ["vxlan"] },
    btrfs: { packages: ["btrfs-tools", "k3s-data-partition"], modules: ["btrfs"] },
    zfs: { packages: ["zfs", "k3s-data-partition"], modules: ["zfs", "spl", "zlib-deflate"] },
    "fuse-overlayfs": { packages: ["k3s-fuse-overlayfs"], modules: ["fuse"] },
  };

  test.each(PROVIDERS.flatMap((provider) => SNAPSHOTTERS.map((snapshotter) => [provider, snapshotter] as const)))(
    "a node of %s with %s has what it needs and nothing of the others",
    async (provider, snapshotter) => {
      const packages = ["server", "agent", "node"].map((name) => `RDEPENDS:packagegroup-k3s-${name}`);
      const modules = "RRECOMMENDS:packagegroup-k3s-node";
      const partition = snapshotter === "btrfs" || snapshotter === "zfs" ? "/dev/disk/by-partlabel/k3s-data" : "";
      const lines = [`K3S_PROVIDER = "${provider}"`, `K3S_SNAPSHOTTER = "${snapshotter}"`, `K3S_DATA_PARTITION = "${partition}"`];
      const answer = await ask(lines, { recipes: ["packagegroup-k3s"], variables: [...packages, modules] });
      const { values } = recipeOf(answer, "packagegroup-k3s");
      expect(packages.map((name) => words(values[name]).filter((word, at, all) => all.indexOf(word) === at))).toEqual([
        [`${provider}-server`, "packagegroup-k3s-node"],
        [`${provider}-agent`, "packagegroup-k3s-node"],
        [provider, ...further[snapshotter].packages],
      ]);
      const own = ["btrfs", "zfs", "spl", "fuse"].filter((name) => words(values[modules]).includes(`kernel-module-${name}`));
      expect(own).toEqual(["btrfs", "zfs", "spl", "fuse"].filter((name) => further[snapshotter].modules.includes(name)));
      expect(words(values[modules])).toEqual(
        expect.arrayContaining(further[snapshotter].modules.map((name) => `kernel-module-${name}`)),
      );
    },
  );

  test("an image with a data partition is the layer's disk, and one without is not", async () => {
    const variables = ["WKS_FILE", "IMAGE_FSTYPES", "QB_DEFAULT_FSTYPE", "QB_KERNEL_ROOT", "WKS_FULL_PATH"];
    const values = async (lines: readonly string[]): Promise<Readonly<Record<string, string | null>>> =>
      recipeOf(await ask(lines, { recipes: ["core-image-k3s"], variables }), "core-image-k3s").values;
    expect(await values(['K3S_DATA_PARTITION = "/dev/disk/by-partlabel/k3s-data"'])).toEqual({
      WKS_FILE: "qemu-k3s-data.wks.in",
      IMAGE_FSTYPES: "ext4 wic.qcow2 wic",
      QB_DEFAULT_FSTYPE: "wic",
      QB_KERNEL_ROOT: "/dev/vda1",
      WKS_FULL_PATH: join(LAYER_FOLDER, "files/wic/qemu-k3s-data.wks.in"),
    });
    expect(await values([])).toMatchObject({ IMAGE_FSTYPES: "ext4", QB_DEFAULT_FSTYPE: "ext4", QB_KERNEL_ROOT: null });
  });
});

describe("settings that are wrong end the parse with the line to write", () => {
  test.each([
    ['K3S_PROVIDER = "binary"', 'K3S_PROVIDER is \'binary\'. Write one of these: K3S_PROVIDER = "k3s", K3S_PROVIDER = "k3s-bin"'],
    ['K3S_SNAPSHOTTER = "overlay"', "K3S_SNAPSHOTTER is 'overlay'. Write one of these: K3S_SNAPSHOTTER = \"overlayfs\", "],
    ['K3S_FLANNEL_BACKEND = "wireguard"', '"host-gw", K3S_FLANNEL_BACKEND = "wireguard-native"'],
    ['K3S_IPTABLES = "nftables"', 'K3S_IPTABLES = "legacy", K3S_IPTABLES = "nft"'],
    ['K3S_DATASTORE = "postgres"', "Write K3S_DATASTORE = 'sqlite', 'sqlite-durable', 'etcd' or an endpoint"],
    ['K3S_NODE_LABELS = "zone=a spare"', "K3S_NODE_LABELS holds 'spare'. Write K3S_NODE_LABELS = \"KEY=VALUE KEY=VALUE\""],
    ['K3S_DATA_PARTITION = "LABEL=k3s"', 'Write K3S_DATA_PARTITION = "/dev/disk/by-partlabel/k3s-data"'],
    ['K3S_DATA_PARTITION_SIZE = "4 GB"', 'Write K3S_DATA_PARTITION_SIZE = "4G" or "4096M"'],
  ])("%s", async (line, words_) => {
    const recipes = ["k3s", "k3s-bin", "k3s-conf", "k3s-data-partition", "packagegroup-k3s"];
    const answer = await ask([line], { recipes });
    for (const recipe of recipes) {
      const { failed, messages } = recipeOf(answer, recipe);
      expect({ recipe, failed }).toEqual({ recipe, failed: true });
      expect(messages.map(([, text]) => text).join("\n")).toContain(words_);
    }
  });
});

/** What k3s reads: each file of config.yaml.d, as real do_unpack, do_compile and do_install leave it. */
async function readConfiguration(lines: readonly string[]): Promise<readonly [unknown, unknown]> {
  const answer = await ask(lines, { recipes: ["k3s-conf"], variables: ["D"], run: ["do_unpack", "do_compile", "do_install"] });
  const { values, messages } = recipeOf(answer, "k3s-conf");
  expect(messages).toEqual([]);
  const at = (name: string): string => join(values["D"] ?? "", "etc/rancher/k3s", name);
  // Agents have it too, and do not start with what only a server knows.
  expect(parse(await readFile(at("config.yaml"), "utf8"))).toEqual({ "kubelet-arg": ["config=/etc/rancher/k3s/kubelet.yaml"] });
  expect(parse(await readFile(at("kubelet.yaml"), "utf8"))).toMatchObject({ kind: "KubeletConfiguration" });
  expect((await stat(at("config.yaml.d/20-server.yaml"))).mode & 0o777).toBe(0o600);
  expect((await stat(at("config.yaml.d/10-node.yaml"))).mode & 0o777).toBe(0o644);
  const [node, server] = await Promise.all(
    ["10-node", "20-server"].map((name) => readFile(at(`config.yaml.d/${name}.yaml`), "utf8")),
  );
  return [parse(node ?? "") as unknown, parse(server ?? "") as unknown];
}

/** What every server is told. */
const ALWAYS = { "write-kubeconfig-mode": "0600" };

describe("k3s-conf writes what every node and what only servers are told", () => {
  test.each([
    ["defaults", [], { snapshotter: "overlayfs" }, { ...ALWAYS, "flannel-backend": "vxlan" }],
    [
      "embedded etcd, without two components, on WireGuard",
      ['K3S_DATASTORE = "etcd"', 'K3S_DISABLE = "traefik  servicelb"', 'K3S_FLANNEL_BACKEND = "wireguard-native"'],
      { snapshotter: "overlayfs" },
      { ...ALWAYS, "flannel-backend": "wireguard-native", "disable+": ["traefik", "servicelb"], "cluster-init": true },
    ],
    [
      "an external datastore, and labels and an address for every node",
      [
        'K3S_DATASTORE = "mysql://user:p#\'w: d@tcp(db.example.com:3306)/k3s"',
        'K3S_NODE_LABELS = "zone=a example.com/rack=1"',
        'K3S_NODE_IP = "192.168.1.20"',
        'K3S_SNAPSHOTTER = "fuse-overlayfs"',
      ],
      { snapshotter: "fuse-overlayfs", "node-label+": ["zone=a", "example.com/rack=1"], "node-ip": "192.168.1.20" },
      { ...ALWAYS, "flannel-backend": "vxlan", "datastore-endpoint": "mysql://user:p#'w: d@tcp(db.example.com:3306)/k3s" },
    ],
    [
      "SQLite that outlives a power cut",
      ['K3S_DATASTORE = "sqlite-durable"'],
      { snapshotter: "overlayfs" },
      {
        ...ALWAYS,
        "flannel-backend": "vxlan",
        "datastore-endpoint":
          "sqlite:///var/lib/rancher/k3s/server/db/state.db?_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate&_stmt_cache_size=20&cache=shared",
      },
    ],
  ])("%s", async (_name, lines, node, server) => {
    expect(await readConfiguration(lines)).toEqual([node, server]);
  });
});
