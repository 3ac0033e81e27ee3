import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { stringify } from "yaml";
import { buildChoiceSchema, selectKasFiles } from "./build-choice.ts";
import { planBuildFolders } from "./build-folders.ts";
import { planClean } from "./plan-clean.ts";
import { planHostSettings } from "./plan-host-settings.ts";
import { planKasConfig } from "./plan-kas-config.ts";
import { parseModuleSources } from "./parse-module-sources.ts";

const choice = buildChoiceSchema.parse({
  machine: "qemuarm64",
  image: "core-image-k3s-agent",
  provider: "k3s-bin",
  snapshotter: "zfs",
  development: true,
});
const size = { cpus: 16, memoryMib: 16_384, freeDiskMib: 200_000, hasPressure: true };

test.each([
  ["a large host", size, { threads: 16, makeJobs: 8, removeWork: false }],
  ["little memory", { ...size, memoryMib: 3000 }, { threads: 2, makeJobs: 1 }],
  ["a short disk", { ...size, freeDiskMib: 60_000 }, { removeWork: true }],
  ["a kernel without PSI", { ...size, hasPressure: false }, { pressureMaxCpu: undefined, pressureMaxMemory: undefined }],
])("settings follow from the host's size: %s", (_name, given, expected) => {
  expect(planHostSettings(given)).toMatchObject(expected);
});

test("a choice is composed of one small file for each concern", () => {
  expect(selectKasFiles(choice)).toEqual([
    "setup/kas/qemuarm64.yml",
    "setup/kas/agent.yml",
    "setup/kas/k3s-bin.yml",
    "setup/kas/zfs.yml",
    "setup/kas/development.yml",
  ]);
});

test("the kas file survives being written as YAML, line breaks and all", () => {
  const config = planKasConfig({
    choice,
    layerFolder: "/layer",
    host: planHostSettings({ ...size, freeDiskMib: 0 }),
    offline: false,
    sstateMirror: true,
    localRepositories: ["bitbake"],
    localeFolder: "/locale",
  });
  expect(parse(stringify(config))).toEqual(config);
  const text = JSON.stringify(config);
  expect(text).toContain('INHERIT += \\"rm_work\\"');
  expect(text).toContain("core/yocto/sstate-mirror-cdn");
  expect(config).toMatchObject({ overrides: { repos: { bitbake: { branch: null } } }, env: { LOCPATH: "/locale" } });
});

test("without network nothing is asked of it", () => {
  const config = planKasConfig({
    choice,
    layerFolder: "/layer",
    host: planHostSettings(size),
    offline: true,
    sstateMirror: true,
    localRepositories: [],
    localeFolder: undefined,
    layer: "absent",
  });
  expect(JSON.stringify(config)).not.toContain("sstate-mirror-cdn");
  expect(config).toMatchObject({
    repos: { "meta-k3s": { layers: { "": "disabled" } }, "meta-openembedded": { layers: { "meta-networking": "disabled" } } },
    local_conf_header: { k3s: "", "zz-network": expect.stringContaining('BB_NO_NETWORK = "1"') },
  });
  expect(config).not.toHaveProperty("overrides");
});

test("Go modules are read from recipes: zips and bare go.mod files by BitBake's names; without a checksum they are left to BitBake", () => {
  const text = `SRC_URI += "\\
    gomod://github.com/Masterminds/semver/v3;version=v3.4.0;sha256sum=${"a".repeat(64)} \\
    gomod://example.org/x;version=v1.0.0;mod=1;sha256sum=${"b".repeat(64)} \\
    gomod://example.org/y;version=v1.0.0 \\
    gomodgit://example.org/z;version=v1.0.0;srcrev=${"c".repeat(40)} \\
"`;
  expect(parseModuleSources(text).map(({ extension, downloadName }) => [extension, downloadName])).toEqual([
    ["zip", "github.com.Masterminds.semver.v3@v3.4.0.zip"],
    ["mod", "example.org.x@v1.0.0.mod"],
  ]);
});

test("the recipe of k3s itself is understood: every gomod line is a source", async () => {
  const text = await readFile(new URL("../../recipes-containers/k3s/k3s-go-mods.inc", import.meta.url), "utf8");
  const lines = text.split("\n").filter((line) => /^\s*gomod:\/\//.test(line));
  expect(lines.length).toBeGreaterThan(400);
  expect(parseModuleSources(text)).toHaveLength(lines.length);
});

test("clean names only folders that the tool lays out, and by default only what is quickly made again", () => {
  const none = { workFolder: "/w", downloads: false, sstate: false, sources: false, everything: false };
  expect(planClean({ ...none, machine: "qemuarm" }).map((step) => step.path)).toEqual(["/w/qemuarm/tmp", "/w/qemuarm/cache"]);
  const all = planClean({ ...none, machine: undefined, everything: true }).map((step) => step.path);
  expect(all).toEqual(["/w/qemux86-64", "/w/qemuarm64", "/w/qemuarm", "/w/sstate-cache", "/w/downloads", "/w/sources"]);
});

test("folders: below the layer unless told, relative to where the command is run when told", () => {
  const given = { layerFolder: "/layer", cwd: "/home/me", machine: "qemuarm" } as const;
  expect(planBuildFolders({ ...given, workFolder: undefined }).buildFolder).toBe("/layer/build/yocto/qemuarm");
  expect(planBuildFolders({ ...given, workFolder: "w" }).resultFile).toBe("/home/me/w/qemuarm/result.json");
});
