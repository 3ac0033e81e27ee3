import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import type { RunResult } from "../core/exec.ts";
import { openContext } from "../recipe/testing/open-context.ts";
import { MACHINES } from "./build-choice.ts";
import { fetchKas } from "./fetch-kas.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { fetchChecks } from "./testing/fetch-checks.ts";
import { waitBitBakeServer } from "./wait-bitbake-server.ts";

// Real bitbake-setup reads the layer's configuration and lays out each build that it offers, without a network: its sources are folders that are given.

const sources = process.env["META_K3S_OE_SOURCES"];
if (sources === undefined) {
  process.stderr.write(
    "\nNOT RUN: bitbake-setup's schema and its set-up of real clones (tools/yocto/bitbake-setup.integration.test.ts). META_K3S_OE_SOURCES=DIR runs them, with clones of bitbake, openembedded-core and meta-openembedded in DIR.\n\n",
  );
}

const FILE = join(LAYER_FOLDER, "setup/bitbake-setup/k3s-wrynose.conf.json");
const CONFIGURATIONS = ["source", "binary", "btrfs", "zfs", "development"] as const;
const FRAGMENTS: Readonly<Record<(typeof CONFIGURATIONS)[number], readonly string[]>> = {
  source: [],
  binary: ["k3s/k3s/official-binary"],
  btrfs: ["k3s/k3s/btrfs"],
  zfs: ["k3s/k3s/zfs"],
  development: ["k3s/k3s/development"],
};
const LAYERS = [
  "openembedded-core/meta",
  ...["meta-oe", "meta-python", "meta-networking", "meta-filesystems"].map((name) => `meta-openembedded/${name}`),
];
const TIMEOUT_MS = 900_000;

let folder = "";
let ctx: Context;
let python = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-setup-"));
  // Its own settings are below HOME.
  ctx = openContext(folder, { ...process.env, HOME: folder });
  python = await fetchChecks(openContext(folder, process.env));
}, TIMEOUT_MS);

beforeEach(async () => {
  await rm(join(folder, "top"), { recursive: true, force: true });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Sources in the places of real ones: their `bitbake-config-build` writes down what it is told. */
async function writeStandIns(): Promise<string> {
  const at = join(folder, "stand-ins");
  for (const name of ["bitbake", "openembedded-core/bin", "openembedded-core/scripts", "meta-openembedded"]) {
    await mkdir(join(at, name), { recursive: true });
  }
  const core = join(at, "openembedded-core");
  await writeFile(join(core, "oe-init-build-env"), 'PATH="$PWD/bin:$PATH"\ncd "$1"\n');
  await writeFile(join(core, "scripts/oe-setup-build"), "");
  await writeFile(join(core, "bin/bitbake-config-build"), '#!/bin/sh\necho "$@" > conf/asked\n');
  await chmod(join(core, "bin/bitbake-config-build"), 0o755);
  return at;
}

/** What every call is told: no network, and the folder that builds are set up in. */
function planArgv(program: readonly string[]): readonly string[] {
  const setting = ["--setting", "default"];
  return [...program, "--no-network", ...setting, "top-dir-prefix", folder, ...setting, "top-dir-name", "top"];
}

async function init(program: readonly string[], given: string, words: readonly string[]): Promise<RunResult> {
  const names = ["bitbake", "openembedded-core", "meta-openembedded"];
  const local = names.flatMap((name) => ["-L", name, join(given, name)]);
  return ctx.exec.run([...planArgv(program), "init", "--non-interactive", "--no-init-vscode", ...local, FILE, ...words]);
}

/** Where a build's layers are, those of the set-up folder by their place in it. */
async function readLayers(setup: string): Promise<readonly string[]> {
  const text = await readFile(join(setup, "build/conf/bblayers.conf"), "utf8");
  return [...text.matchAll(/^ +(\/.*) \\$/gmu)].map(([, path = ""]) => normalize(path).replace(`${setup}/layers/`, ""));
}

describe("the wheel's bitbake-setup", () => {
  test("lists the configuration with its end of life", async () => {
    await mkdir(join(folder, "registry/configurations"), { recursive: true });
    await copyFile(FILE, join(folder, "registry/configurations/k3s-wrynose.conf.json"));
    const listed = join(folder, "listed.json");
    await ctx.exec.runCheck([
      python,
      "-m",
      "bitbake_setup",
      "--setting",
      "default",
      "registry",
      join(folder, "registry"),
      "list",
      "--write-json",
      listed,
    ]);
    expect(JSON.parse(await readFile(listed, "utf8"))).toEqual({
      "k3s-wrynose": {
        description: expect.stringContaining("wrynose") as string,
        expires: expect.stringMatching(/^20\d\d-\d\d-\d\d$/u) as string,
      },
    });
  });

  test("offers the configurations that are tested here, and no other", async () => {
    const refused = await init([python, "-m", "bitbake_setup"], await writeStandIns(), []);
    expect(refused.status).toBe(1);
    const offered = [...refused.stdout.matchAll(/'(k3s-\w+)': \{/gu)].map(([, name]) => name);
    expect(offered).toEqual(CONFIGURATIONS.map((name) => `k3s-${name}`));
  });

  test.each(
    CONFIGURATIONS.flatMap((name, index) =>
      MACHINES.filter((_, at) => index === 0 || at === index % 3).map((machine) => [name, machine] as const),
    ),
  )("lays out k3s-%s for %s: the layers in order, and fragments that there are", { timeout: TIMEOUT_MS }, async (name, machine) => {
    const result = await init([python, "-m", "bitbake_setup"], await writeStandIns(), [`k3s-${name}`, `machine/${machine}`]);
    expect([result.status, result.stderr]).toEqual([0, ""]);
    const setup = join(folder, "top", `k3s-${machine}`);
    expect(await readLayers(setup)).toEqual([...LAYERS, LAYER_FOLDER]);
    const asked = (await readFile(join(setup, "build/conf/asked"), "utf8")).trim().split(" ");
    expect(asked).toEqual([
      "enable-fragment",
      "k3s/k3s/enable",
      "core/yocto/sstate-mirror-cdn",
      ...FRAGMENTS[name],
      `machine/${machine}`,
    ]);
    const ours = (await readdir(join(LAYER_FOLDER, "conf/fragments/k3s"))).map((file) => `k3s/k3s/${file.replace(/\.conf$/u, "")}`);
    expect(ours).toEqual(expect.arrayContaining(asked.filter((fragment) => fragment.startsWith("k3s/"))));
  });

  test.each([
    [
      "a machine that it does not offer",
      (text: string) => text,
      ["k3s-source", "machine/qemuriscv64"],
      /Unable to choose from options/u,
    ],
    [
      "a source with neither an address nor a path",
      (text: string) => text.replace(/"uri": "[^"]+bitbake",/u, ""),
      ["k3s-source", "machine/qemuarm"],
      /Expected key\(s\): 'remotes', 'uri'/u,
    ],
    ["what is not JSON", (text: string) => text.slice(0, -3), ["k3s-source", "machine/qemuarm"], /delimiter|Expecting/u],
  ])("refuses %s", async (_name, change, words, message) => {
    const wrong = join(folder, "wrong.conf.json");
    await writeFile(wrong, change(await readFile(FILE, "utf8")));
    // Without -L for it, the source is looked at.
    const argv = planArgv([python, "-m", "bitbake_setup"]);
    const result = await ctx.exec.run([...argv, "init", "--non-interactive", "--no-init-vscode", wrong, ...words]);
    expect(result.status).not.toBe(0);
    expect(`${result.stdout}${result.stderr}`).toMatch(message);
  });
});

/** bitbake's setup-schema, which is not in the wheel: the file for configurations, which refers to the other by its name. */
const VALIDATE = `
import json, os, sys
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
def read(name):
    with open(os.path.join(sys.argv[1], name)) as file:
        return json.load(file)
layers = "layers.schema.json"
registry = Registry().with_resource(layers, DRAFT202012.create_resource(read(layers)))
validator = Draft202012Validator(read("bitbake-setup.schema.json"), registry=registry)
print(json.dumps([error.json_path + ": " + error.message for error in validator.iter_errors(json.load(sys.stdin))]))
`;

/** What the schema has against a configuration. */
async function validate(text: string): Promise<unknown> {
  const [kasPython = ""] = await fetchKas(openContext(folder, process.env), LAYER_FOLDER);
  const argv = [kasPython, "-c", VALIDATE, join(sources ?? "", "bitbake/setup-schema")];
  return JSON.parse((await ctx.exec.runCheck(argv, { input: text })).stdout) as unknown;
}

describe.runIf(sources !== undefined)("with the clones of META_K3S_OE_SOURCES", () => {
  test("bitbake-setup's own schema accepts the configuration", { timeout: TIMEOUT_MS }, async () => {
    expect(await validate(await readFile(FILE, "utf8"))).toEqual([]);
  });

  test.each([
    ["a key that is not known", (text: string) => text.replace('"bb-layers":', '"layers":'), /'layers' was unexpected/u],
    [
      "a source without its revision",
      (text: string) => text.replaceAll(/,\s*"rev": "[0-9a-f]+"/gu, ""),
      /'rev' is a required property/u,
    ],
    ["another version", (text: string) => text.replace('"version": "1.0"', '"version": "2.0"'), /'2\.0' is not one of/u],
  ])("it refuses %s", { timeout: TIMEOUT_MS }, async (_name, change, message) => {
    expect(JSON.stringify(await validate(change(await readFile(FILE, "utf8"))))).toMatch(message);
  });

  test("the pinned bitbake-setup and bitbake-config-build set a build up", { timeout: TIMEOUT_MS }, async () => {
    const result = await init([join(sources ?? "", "bitbake/bin/bitbake-setup")], sources ?? "", ["k3s-zfs", "machine/qemuarm64"]);
    const setup = join(folder, "top/k3s-qemuarm64");
    await waitBitBakeServer(ctx, join(setup, "build"));
    expect([result.status, result.stderr]).toEqual([0, ""]);
    expect(await readLayers(setup)).toEqual([...LAYERS, LAYER_FOLDER]);
    const written = await readFile(join(setup, "build/conf/toolcfg.conf"), "utf8");
    expect(written).toContain('OE_FRAGMENTS += "k3s/k3s/enable core/yocto/sstate-mirror-cdn k3s/k3s/zfs machine/qemuarm64"');
  });
});
