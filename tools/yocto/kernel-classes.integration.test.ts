import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { openContext } from "../recipe/testing/open-context.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { fetchChecks } from "./testing/fetch-checks.ts";
import { askRecipe, formatMessages } from "./testing/run-layer-parser.ts";
import type { RecipeAnswer } from "./testing/run-layer-parser.ts";

// The checks of a kernel's configuration and of an image's modules, run by real BitBake without openembedded-core.

const TIMEOUT_MS = 900_000;

let folder = "";
let ctx: Context;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-kernel-"));
  ctx = openContext(folder, process.env);
  await fetchChecks(ctx);
}, TIMEOUT_MS);

beforeEach(() => rm(join(folder, "build"), { recursive: true, force: true }));

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Every line of the fragments: the only list of what a kernel must have. */
async function readFragmentLines(): Promise<readonly string[]> {
  const fragments = join(LAYER_FOLDER, "recipes-kernel/linux/k3s");
  const names = (await readdir(fragments)).filter((name) => name.endsWith(".cfg")).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(fragments, name), "utf8")));
  return texts.flatMap((text) => text.split("\n"));
}

/** A .config that is what all fragments ask for, changed. */
async function writeKernelConfig(path: string, change: (text: string) => string): Promise<void> {
  const lines = (await readFragmentLines()).filter((line) => /^(?:CONFIG_\w+=|# CONFIG_\w+ is not set)/u.test(line));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${change(lines.join("\n"))}\n`);
}

async function checkConfig(
  change: (text: string) => string,
  asked: { kernel?: string; lines?: readonly string[] } = {},
): Promise<RecipeAnswer> {
  await writeKernelConfig(join(folder, "kernel/.config"), change);
  const { kernel = "linux-yocto", lines = [] } = asked;
  return askRecipe(ctx, folder, kernel, { lines, before: { B: join(folder, "kernel") }, run: ["do_k3s_kernel_check"] });
}

function withoutSymbol(symbol: string): (text: string) => string {
  return (text) => text.replace(new RegExp(`^CONFIG_${symbol}=.*$`, "mu"), `# CONFIG_${symbol} is not set`);
}

describe("k3s-kernel-check", () => {
  test.each(["linux-yocto", "linux-vendor"])("%s with all that the fragments ask for passes", async (kernel) => {
    const answer = await checkConfig((text) => text, { kernel });
    expect([answer.failed, formatMessages(answer)]).toEqual([false, ""]);
  });

  test("a symbol that is missing fails the build with its name, the line, the fragment and the reason; nothing else is named", async () => {
    const answer = await checkConfig(withoutSymbol("VXLAN"));
    expect(answer.failed).toBe(true);
    expect(formatMessages(answer)).toMatch(
      /^CRITICAL This kernel cannot run k3s\. Its final configuration lacks:\n {2}CONFIG_VXLAN is not set; wanted 'CONFIG_VXLAN=m' \(vxlan\.cfg\): .+\.?$/u,
    );
  });

  test("what only another setting needs is asked for with that setting alone", async () => {
    expect((await checkConfig(withoutSymbol("BTRFS_FS"))).failed).toBe(false);
    const answer = await checkConfig(withoutSymbol("BTRFS_FS"), { lines: ['K3S_SNAPSHOTTER = "btrfs"'] });
    expect(formatMessages(answer)).toMatch(/CONFIG_BTRFS_FS is not set; wanted 'CONFIG_BTRFS_FS=[ym]' \(btrfs\.cfg\)/u);
    expect(answer.failed).toBe(true);
  });

  test('K3S_KERNEL_CHECK = "warn" only tells', async () => {
    const answer = await checkConfig(withoutSymbol("VXLAN"), { lines: ['K3S_KERNEL_CHECK = "warn"'] });
    expect(answer.failed).toBe(false);
    expect(formatMessages(answer)).toMatch(/^WARNING This kernel cannot run k3s[^]*CONFIG_VXLAN is not set/u);
  });
});

/** Judges a root filesystem that has every module that any setting may want, without some. */
async function checkModules(
  missing: readonly string[],
  { builtIn = [], lines = [] }: { builtIn?: readonly string[]; lines?: readonly string[] } = {},
): Promise<RecipeAnswer> {
  const wanted = (await readFragmentLines()).flatMap((line) => /^# k3s:.* module=(\S+)/u.exec(line)?.[1]?.split(",") ?? []);
  expect(wanted).toEqual(expect.arrayContaining([...missing]));
  const rootfs = join(folder, "rootfs");
  await rm(rootfs, { recursive: true, force: true });
  const modules = join(rootfs, "usr/lib/modules/6.18.1-yocto-standard");
  await mkdir(join(modules, "kernel"), { recursive: true });
  for (const name of wanted) if (!missing.includes(name)) await writeFile(join(modules, "kernel", `${name}.ko.xz`), "");
  await writeFile(join(modules, "modules.builtin"), builtIn.map((name) => `kernel/${name}.ko\n`).join(""));
  return askRecipe(ctx, folder, "core-image-k3s", { lines, before: { IMAGE_ROOTFS: rootfs }, run: ["do_image_qa"] });
}

describe("k3s-kernel-check-image", () => {
  test("an image with every module passes", async () => {
    const answer = await checkModules([]);
    expect([answer.failed, formatMessages(answer)]).toEqual([false, ""]);
  });

  test("a module that is missing fails the image with its name, the symbol and the fragment; nothing else is named", async () => {
    const answer = await checkModules(["vxlan"]);
    expect(answer.failed).toBe(true);
    expect(formatMessages(answer)).toMatch(
      /^ERROR QA Issue: The image lacks kernel modules that k3s requires:\n {2}vxlan\.ko \(CONFIG_VXLAN, vxlan\.cfg\): .+ \[k3s-kernel-modules\]\nCRITICAL Fatal QA errors/u,
    );
  });

  test("a module that is built into the kernel is there", async () => {
    const answer = await checkModules(["vxlan"], { builtIn: ["vxlan"] });
    expect([answer.failed, formatMessages(answer)]).toEqual([false, ""]);
  });

  test("with warn the image is made, and told of", async () => {
    const answer = await checkModules(["vxlan"], { lines: ['K3S_KERNEL_CHECK = "warn"'] });
    expect(answer.failed).toBe(false);
    expect(formatMessages(answer)).toMatch(/^WARNING The image lacks kernel modules[^]*vxlan\.ko/u);
  });

  test("an image without modules is told what to install", async () => {
    await mkdir(join(folder, "empty"), { recursive: true });
    const answer = await askRecipe(ctx, folder, "core-image-k3s", {
      before: { IMAGE_ROOTFS: join(folder, "empty") },
      run: ["do_image_qa"],
    });
    expect(answer.failed).toBe(true);
    expect(formatMessages(answer)).toContain(
      "has the modules of 0 kernels; k3s needs those of one. Write IMAGE_INSTALL:append = ' kernel-modules'",
    );
  });
});
