import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PREPARE_PATH, readDataPartitionUnit, readPrepareScript } from "../../qemu-tests/harness/read-data-partition.ts";
import { openTestContext } from "../machine/testing/open-test-context.ts";

const sources = process.env["META_K3S_OE_SOURCES"];
if (sources === undefined) {
  process.stderr.write(
    "\nNOT RUN: the tests that parse the layer's images with openembedded-core (tools/yocto/image-disk.integration.test.ts). META_K3S_OE_SOURCES=DIR runs them, with clones of bitbake, openembedded-core and meta-openembedded in DIR.\n\n",
  );
}

const SCRIPT = fileURLToPath(new URL("testing/parse-recipe.py", import.meta.url));
const LAYER = fileURLToPath(new URL("../..", import.meta.url));
const PARTITION = 'K3S_SNAPSHOTTER = "btrfs"\nK3S_DATA_PARTITION = "/dev/disk/by-partlabel/k3s-data"\n';
const VARIABLES = ["WKS_FILE", "IMAGE_FSTYPES", "QB_DEFAULT_FSTYPE", "QB_FSINFO", "QB_KERNEL_ROOT", "_WKS_TEMPLATE"] as const;
const PARSE_TIMEOUT_MS = 120_000;

interface Parsed {
  readonly values: Readonly<Record<string, string | null>>;
  readonly warnings: readonly string[];
}

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-parse-"));
});

afterEach(() => rm(folder, { recursive: true }));

/** Values of a recipe of the layer, as a build of this machine has them, and what is said of layouts. */
async function parseRecipe(
  machine: string,
  lines: string,
  asked: { recipe: string; variables: readonly string[]; layouts?: readonly string[] },
): Promise<Parsed> {
  const { ctx } = openTestContext({ folder });
  const configuration = `MACHINE = "${machine}"\nDISTRO_FEATURES:append = " k3s"\nINIT_MANAGER = "systemd"\n${lines}`;
  const { stdout } = await ctx.exec.runCheck(["python3", SCRIPT, sources ?? "", LAYER, join(folder, "build")], {
    input: `${JSON.stringify({ configuration, ...asked })}\n`,
  });
  return JSON.parse(stdout) as Parsed;
}

async function parseImage(machine: string, lines = "", layouts: readonly string[] = []): Promise<Parsed> {
  return parseRecipe(machine, lines, { recipe: "recipes-core/images/core-image-k3s.bb", variables: VARIABLES, layouts });
}

async function writeLayout(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe.runIf(sources !== undefined)("the disk of core-image-k3s", () => {
  test.each(["qemux86-64", "qemuarm64", "qemuarm"])(
    "%s: with a data partition runqemu starts a disk that has it",
    async (machine) => {
      const { values } = await parseImage(machine, `${PARTITION}K3S_DATA_PARTITION_SIZE = "512M"\n`);
      expect(values).toMatchObject({
        WKS_FILE: "qemu-k3s-data.wks.in",
        IMAGE_FSTYPES: "ext4 wic.qcow2 wic",
        QB_DEFAULT_FSTYPE: "wic",
        QB_FSINFO: "wic:no-kernel-in-fs",
        QB_KERNEL_ROOT: "/dev/vda1",
      });
      expect(values["_WKS_TEMPLATE"]).toContain("--source empty --fstype=none --part-name k3s-data --fixed-size 512M");
    },
    PARSE_TIMEOUT_MS,
  );

  test.each([
    ["qemux86-64", "ext4 wic.qcow2"],
    ["qemuarm64", "ext4"],
    ["qemuarm", "ext4"],
  ])(
    "%s: without one its types are those that can be built, and runqemu starts one of them",
    async (machine, types) => {
      const { values } = await parseImage(machine);
      expect(values).toMatchObject({
        IMAGE_FSTYPES: types,
        QB_DEFAULT_FSTYPE: "ext4",
        QB_FSINFO: null,
        QB_KERNEL_ROOT: null,
        _WKS_TEMPLATE: null,
      });
    },
    PARSE_TIMEOUT_MS,
  );

  test.each([
    ["a layout that was chosen", `${PARTITION}WKS_FILE = "directdisk-gpt.wks"\n`, "directdisk-gpt.wks"],
    ["a partition with another name", 'K3S_DATA_PARTITION = "/dev/vdb"\n', "qemux86-directdisk.wks"],
  ])(
    "%s leaves the disk as it is",
    async (_name, lines, layout) => {
      const { values } = await parseImage("qemux86-64", lines);
      expect(values).toMatchObject({ WKS_FILE: layout, IMAGE_FSTYPES: "ext4 wic.qcow2", QB_KERNEL_ROOT: null });
    },
    PARSE_TIMEOUT_MS,
  );

  test(
    "a layout without the partition is told, with the lines to write; one that has it by an include is not",
    async () => {
      const part = "part --source empty --fstype=none --part-name=k3s-data --fixed-size 4G";
      await writeLayout("part.wks.inc", `${part}\n`);
      const layouts = {
        none: await writeLayout("none.wks", `bootloader --ptable gpt\npart / --source rootfs\n# ${part}\n`),
        mbr: await writeLayout("mbr.wks", `part / --source rootfs\n${part}\n`),
        included: await writeLayout("included.wks", "bootloader --ptable gpt\ninclude part.wks.inc\n"),
        own: join(LAYER, "files/wic/qemu-k3s-data.wks.in"),
      };
      const { warnings } = await parseImage("qemux86-64", PARTITION, Object.values(layouts));
      expect(warnings.map((warning) => /The layout (\S+) has no partition 'k3s-data'/u.exec(warning)?.[1])).toEqual([
        layouts.none,
        layouts.mbr,
      ]);
      expect(warnings[0]).toContain("part --source empty --fstype=none --part-name k3s-data --fixed-size 4G --align 1024");
      const silenced = await parseImage("qemux86-64", `${PARTITION}WARN_QA:remove = "k3s-data-partition"\n`, [layouts.none]);
      expect(silenced.warnings).toEqual([]);
    },
    PARSE_TIMEOUT_MS,
  );
});

describe.runIf(sources !== undefined)("the recipe k3s-data-partition", () => {
  test(
    "installs the script and the unit that the tests have, with the partition and the snapshotter in their places",
    async () => {
      const recipe = "recipes-core/k3s-data-partition/k3s-data-partition_1.0.bb";
      const { values } = await parseRecipe("qemuarm", PARTITION, { recipe, variables: ["do_install", "D", "UNPACKDIR"] });
      const [install, image, unpacked] = ["do_install", "D", "UNPACKDIR"].map((name) => values[name] ?? "");
      await cp(join(LAYER, "recipes-core/k3s-data-partition/files"), unpacked ?? "", { recursive: true });
      await openTestContext({ folder }).ctx.exec.runCheck(["sh", "-euc", install ?? ""]);
      const installed = async (path: string): Promise<string> => readFile(join(image ?? "", path), "utf8");
      const partition = "/dev/disk/by-partlabel/k3s-data";
      expect(await installed(PREPARE_PATH)).toBe(await readPrepareScript({ partition, snapshotter: "btrfs" }));
      expect(await installed("/usr/lib/systemd/system/k3s-data-partition.service")).toBe(await readDataPartitionUnit(partition));
    },
    PARSE_TIMEOUT_MS,
  );
});
