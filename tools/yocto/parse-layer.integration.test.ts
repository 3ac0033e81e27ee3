import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { openContext } from "../recipe/testing/open-context.ts";
import { PROVIDERS, SNAPSHOTTERS } from "./build-choice.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { fetchChecks } from "./testing/fetch-checks.ts";
import { recipeNameOf, recipeOf, renderConfiguration, runLayerParser, writeParsedFiles } from "./testing/run-layer-parser.ts";
import type { LayerAnswer, LayerCase, RecipeAnswer } from "./testing/run-layer-parser.ts";
import { selectBitBakeFiles } from "./testing/select-layer-files.ts";
import { readRepositoryFiles } from "./write-layer-copy.ts";

// Real BitBake (PyPI wheel `bitbake-setup`) parses the whole layer where openembedded-core is not to be had: every file, for each architecture, provider and
// snapshotter, with the feature and without.

const TIMEOUT_MS = 900_000;
const ARCHITECTURES = ["x86_64", "aarch64", "arm"] as const;
const ON_PARTITION = new Set<string>(["btrfs", "zfs"]);

interface Choice {
  readonly arch: (typeof ARCHITECTURES)[number];
  readonly provider: (typeof PROVIDERS)[number];
  readonly snapshotter: (typeof SNAPSHOTTERS)[number];
  readonly feature: boolean;
}

const choices: readonly Choice[] = ARCHITECTURES.flatMap((arch) =>
  PROVIDERS.flatMap((provider) =>
    SNAPSHOTTERS.flatMap((snapshotter) => [true, false].map((feature) => ({ arch, provider, snapshotter, feature }))),
  ),
);

/** By the layer's own fragments where it has one, as a user would. */
function planCase({ arch, provider, snapshotter, feature }: Choice): LayerCase {
  const fragments = [
    ...(feature ? ["enable", "airgap", "development"] : []),
    ...(provider === "k3s-bin" ? ["official-binary"] : []),
    ...(ON_PARTITION.has(snapshotter) ? [snapshotter] : []),
  ];
  const lines = ON_PARTITION.has(snapshotter) ? [] : [`K3S_SNAPSHOTTER = "${snapshotter}"`];
  return { configuration: renderConfiguration({ arch, fragments, lines }) };
}

let folder = "";
let ctx: Context;
let paths: readonly string[] = [];
let answers: ReadonlyMap<Choice, LayerAnswer> = new Map();
/** The release's files whose checksums are recorded, and its version. */
let recorded: ReadonlySet<string> = new Set();
let version = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-parse-"));
  ctx = openContext(folder, process.env);
  await fetchChecks(ctx);
  paths = await readRepositoryFiles(ctx, LAYER_FOLDER);
  const release = paths.find((path) => /\/k3s-[\d.]+\.inc$/u.test(path)) ?? "";
  const text = await readFile(join(LAYER_FOLDER, release), "utf8");
  recorded = new Set([...text.matchAll(/^K3S_SHA256\[(.+)\]/gmu)].map(([, name = ""]) => name));
  version = /^K3S_VERSION = "(.+)"$/mu.exec(text)?.[1] ?? "";
  const given = await runLayerParser(ctx, folder, choices.map(planCase));
  answers = new Map(given.map((answer, index) => [choices[index] as Choice, answer]));
}, TIMEOUT_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Of the layer's files those that BitBake did not read in any of the answers. */
function selectUnread(files: readonly string[], given: Iterable<LayerAnswer>): readonly string[] {
  const read = new Set([...given].flatMap((answer) => answer.files));
  return selectBitBakeFiles(files).filter((path) => !read.has(path));
}

/** What went wrong with a recipe, one line each. */
function listRecipeProblems([path, recipe]: readonly [string, RecipeAnswer]): readonly string[] {
  if (recipe.failed && recipe.messages.length === 0) return [`${path}: failed without a word`];
  return recipe.messages.map(([level, text]) => `${path}: ${level} ${text}`);
}

/** What went wrong in an answer, one line each. */
function listProblems(answer: LayerAnswer): readonly string[] {
  return [
    ...answer.messages.map(([level, text]) => `configuration: ${level} ${text}`),
    ...answer.unused.map((path) => `${path}: appends to nothing`),
    ...Object.entries(answer.recipes).flatMap((entry) => listRecipeProblems(entry)),
  ];
}

const FILES_OF_ARCHITECTURE = {
  x86_64: { binary: "k3s", images: "k3s-airgap-images-amd64.tar.zst" },
  aarch64: { binary: "k3s-arm64", images: "k3s-airgap-images-arm64.tar.zst" },
  arm: { binary: "k3s-armhf", images: "k3s-airgap-images-arm.tar.zst" },
} as const;

function sayUnrecorded(file: string): string | null {
  if (recorded.has(file)) return null;
  return `the checksum of ${file} of k3s ${version} is not recorded. Run \`./meta-k3s generate k3s ${version}\`, which records it`;
}

/** The recipes that BitBake must not have under a choice, with the reason that it has to give. */
function planSkipped(choice: Choice, recipe: string): string | null {
  const { binary, images } = FILES_OF_ARCHITECTURE[choice.arch];
  if (!choice.feature) return "missing required distro feature 'k3s'";
  if (recipe !== choice.provider && (PROVIDERS as readonly string[]).includes(recipe)) {
    return `K3S_PROVIDER is '${choice.provider}'; to use this one write K3S_PROVIDER = "${recipe}"`;
  }
  if (recipe === "k3s-bin") return sayUnrecorded(binary);
  if (recipe === "k3s-airgap-images") return sayUnrecorded(images);
  if (recipe !== "k3s-data-partition" || ON_PARTITION.has(choice.snapshotter)) return null;
  return `K3S_DATA_PARTITION is empty, and K3S_SNAPSHOTTER = "${choice.snapshotter}" keeps its layers on a partition of its own. Write K3S_DATA_PARTITION = "/dev/disk/by-partlabel/k3s-data"`;
}

test("every recipe, bbappend, class, include and configuration file of the layer is read without a warning", () => {
  expect([...answers.values()]).toHaveLength(choices.length);
  expect([...answers].flatMap(([choice, answer]) => listProblems(answer).map((line) => ({ choice, line })))).toEqual([]);
  expect(selectUnread(paths, answers.values())).toEqual([]);
  expect(selectBitBakeFiles(paths).length).toBeGreaterThan(35);
});

test("BitBake has each recipe, or says why not and what to write or run", () => {
  const layerRecipes = paths.filter((path) => /^recipes-.*\.bb$/u.test(path));
  const skipped = (choose: (choice: Choice, path: string) => string | null): readonly string[] =>
    choices.flatMap((choice) =>
      layerRecipes.map((path) => `${Object.values(choice).join(" ")} ${path}: ${choose(choice, path) ?? "there"}`),
    );
  expect(skipped((choice, path) => recipeOf(answers.get(choice), recipeNameOf(path)).skipped)).toEqual(
    skipped((choice, path) => planSkipped(choice, recipeNameOf(path))),
  );
});

test("without the feature the layer's appends change nothing, and a build is told once how to have it or to silence it", async () => {
  const variables = ["KERNEL_FEATURES", "SRC_URI", "FILESEXTRAPATHS", "EXTRA_OECONF", "COMPATIBLE_HOST"];
  const asked = { recipes: ["linux-yocto", "zfs"], variables, event: true };
  const given = await runLayerParser(ctx, folder, [
    { configuration: renderConfiguration({ fragments: [] }), ...asked },
    { configuration: renderConfiguration({ fragments: [], lines: ['SKIP_META_K3S_SANITY_CHECK = "1"'] }), ...asked },
    { configuration: renderConfiguration({ fragments: [], lines: ['DISTRO_FEATURES:append = " k3s"'] }), ...asked },
    { configuration: renderConfiguration({}), ...asked },
  ]);
  const [without, silenced, sysvinit, enabled] = given;
  expect(recipeOf(without, "linux-yocto").values).toEqual({
    KERNEL_FEATURES: "",
    SRC_URI: "git://kernel.invalid/linux;branch=main",
    FILESEXTRAPATHS: "",
    EXTRA_OECONF: null,
    COMPATIBLE_HOST: null,
  });
  expect(recipeOf(without, "zfs").values["EXTRA_OECONF"]).toBe("--with-config=user --enable-linux-builtin");
  expect(recipeOf(enabled, "linux-yocto").values["KERNEL_FEATURES"]).toContain(" cgroups.scc ");
  expect(recipeOf(enabled, "zfs").values["EXTRA_OECONF"]).not.toContain("--enable-linux-builtin");
  const said = given.map(({ messages }) => messages.map(([level, text]) => `${level} ${text}`));
  expect(said).toEqual([
    [
      expect.stringMatching(
        /^WARNING .*'k3s' is not in DISTRO_FEATURES.*DISTRO_FEATURES:append = " k3s".*SKIP_META_K3S_SANITY_CHECK = "1"/su,
      ),
    ],
    [],
    [expect.stringMatching(/^WARNING .*'systemd' is not.*INIT_MANAGER = "systemd"/su)],
    [],
  ]);
  expect([silenced, sysvinit].map((answer) => recipeOf(answer, "zfs").failed)).toEqual([false, false]);
});

test.each([
  ["qemux86-64", "x86_64", ["qemu/fw-cfg"]],
  ["qemuarm64", "aarch64", ["qemu/fw-cfg"]],
  ["qemuarm", "arm", ["qemu/hand-over-disk", "qemu/no-pan"]],
  ["raspberrypi4-64", "aarch64", []],
] as const)("the kernel of %s has what being run by QEMU takes, and a board has nothing of it", async (machine, arch, wanted) => {
  const [answer] = await runLayerParser(ctx, folder, [
    {
      configuration: renderConfiguration({ arch, lines: [`MACHINE = "${machine}"`] }),
      recipes: ["linux-yocto"],
      variables: ["KERNEL_FEATURES"],
    },
  ]);
  const features = (recipeOf(answer, "linux-yocto").values["KERNEL_FEATURES"] ?? "").split(/\s+/u);
  expect(features.filter((name) => name.startsWith("qemu/"))).toEqual(wanted.map((name) => `${name}.scc`));
  for (const name of wanted) {
    const scc = await readFile(join(LAYER_FOLDER, "recipes-kernel/linux/k3s", `${name}.scc`), "utf8");
    expect(scc).toContain(`kconf non-hardware ${name.slice("qemu/".length)}.cfg`);
  }
});

const faults: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "a recipe that cannot be parsed",
    "recipes-core/broken/broken_1.0.bb",
    "inherit nothing-by-this-name\n",
    /broken_1\.0\.bb: .*nothing-by-this-name/u,
  ],
  [
    "a recipe in a folder that BBFILES does not have",
    "recipes-core/forgotten_1.0.bb",
    'LICENSE = "MIT"\n',
    /^unread recipes-core\/forgotten_1\.0\.bb$/mu,
  ],
  [
    "a class that no recipe inherits",
    "classes-recipe/k3s-unused.bbclass",
    "# Nothing.\n",
    /^unread classes-recipe\/k3s-unused\.bbclass$/mu,
  ],
  [
    "a fragment that nothing enables",
    "conf/fragments/k3s/forgotten.conf",
    'A = "b"\n',
    /^unread conf\/fragments\/k3s\/forgotten\.conf$/mu,
  ],
  [
    "an append without a recipe",
    "recipes-kernel/linux/linux-gone_%.bbappend",
    "# Nothing.\n",
    /linux-gone_%\.bbappend: appends to nothing/u,
  ],
  ["a warning", "conf/fragments/k3s/enable.conf", 'INIT_MANAGER="systemd"\n', /WARNING .*enable\.conf.* lack of whitespace/u],
];

test.each(faults)("%s is found", { timeout: TIMEOUT_MS }, async (_name, path, text, problem) => {
  const copy = await writeParsedFiles(ctx, join(folder, "copy"));
  await mkdir(dirname(join(copy, path)), { recursive: true });
  await writeFile(join(copy, path), text);
  const given = await runLayerParser(ctx, folder, [planCase(choices[0] as Choice)], copy);
  const found = [...given.flatMap(listProblems), ...selectUnread([...paths, path], given).map((unread) => `unread ${unread}`)];
  expect(found.join("\n")).toMatch(problem);
  await rm(copy, { recursive: true });
});

test("a checksum that is not recorded skips the recipe on the architecture that it is for", { timeout: TIMEOUT_MS }, async () => {
  const copy = await writeParsedFiles(ctx, join(folder, "copy"));
  const release = join(copy, paths.find((path) => /\/k3s-[\d.]+\.inc$/u.test(path)) ?? "");
  const text = await readFile(release, "utf8");
  await writeFile(release, text.replaceAll(/^K3S_SHA256\[k3s(?:-airgap-images-amd64\.tar\.zst)?\].*\n/gmu, ""));
  const [answer] = await runLayerParser(
    ctx,
    folder,
    [{ configuration: renderConfiguration({ fragments: ["enable", "official-binary"] }) }],
    copy,
  );
  for (const [recipe, file] of [
    ["k3s-bin", "k3s"],
    ["k3s-airgap-images", "k3s-airgap-images-amd64.tar.zst"],
  ] as const) {
    expect(recipeOf(answer, recipe).skipped).toMatch(
      `the checksum of ${file} of k3s ${version} is not recorded. Run \`./meta-k3s generate k3s ${version}\``,
    );
  }
  await rm(copy, { recursive: true });
});
