import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { systemClock } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { openExec } from "../core/run-process.ts";
import { MACHINES, selectKasFiles } from "./build-choice.ts";
import type { BuildChoice } from "./build-choice.ts";
import { fetchKas } from "./fetch-kas.ts";
import { planHostSettings } from "./plan-host-settings.ts";
import { planKasConfig } from "./plan-kas-config.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { readPins } from "./read-pins.ts";

/** Real kas, installed from its pinned wheels: its own loader merges each composition, and its own schema judges it. */
const VALIDATE = `
import json, sys
from jsonschema import Draft202012Validator
from kas.configschema import CONFIGSCHEMA
from kas.includehandler import ConfigFile, IncludeHandler
import kas.context, argparse
kas.context.create_global_context(argparse.Namespace(no_color=True, update=False, force_checkout=False))
merged = []
for files in json.loads(sys.argv[1]):
    config, missing = IncludeHandler(files).get_config({"meta-k3s": sys.argv[2]})
    problems = [e.message for e in Draft202012Validator(CONFIGSCHEMA).iter_errors(config)]
    merged.append({"config": config, "missing": missing, "problems": problems})
print(json.dumps(merged))
`;

const schema = z.array(
  z.object({
    problems: z.array(z.string()),
    missing: z.array(z.string()),
    config: z.looseObject({ machine: z.string(), target: z.string(), local_conf_header: z.record(z.string(), z.string()) }),
  }),
);

const variants: readonly Partial<BuildChoice>[] = [
  {},
  { image: "core-image-k3s-agent" },
  { snapshotter: "btrfs" },
  { snapshotter: "zfs" },
  { snapshotter: "native" },
  { snapshotter: "fuse-overlayfs" },
  { provider: "k3s-bin" },
  { development: true },
];
const choices: readonly BuildChoice[] = MACHINES.flatMap((machine) =>
  variants.map((variant) => ({
    machine,
    image: "core-image-k3s",
    provider: "k3s" as const,
    snapshotter: "overlayfs" as const,
    development: false,
    ...variant,
  })),
);

function silent(): void {}

let folder = "";
let ctx: Context;

/** Installing kas takes most of a minute on two idle cores. */
const INSTALL_TIMEOUT_MS = 900_000;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-setup-"));
  const signal = new AbortController().signal;
  ctx = {
    exec: openExec({ cwd: folder, env: process.env, signal }),
    clock: systemClock,
    log: { info: silent, warn: silent, debug: silent, progress: silent },
    signal,
    cwd: folder,
    env: process.env,
  };
  await fetchKas(ctx, LAYER_FOLDER);
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function validate(compositions: readonly (readonly string[])[]): Promise<z.infer<typeof schema>> {
  const [python = ""] = await fetchKas(ctx, LAYER_FOLDER);
  const result = await ctx.exec.runCheck([python, "-c", VALIDATE, JSON.stringify(compositions), LAYER_FOLDER]);
  return schema.parse(JSON.parse(result.stdout));
}

test("offline, a kas that is not installed yet is not asked for anywhere, and what to give instead is said", async () => {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "empty"), PIP_FIND_LINKS: "" };
  const asking = fetchKas({ ...ctx, env }, LAYER_FOLDER, { offline: true });
  await expect(asking).rejects.toMatchObject({
    code: "DOWNLOAD",
    message: expect.stringContaining("--offline leaves no way") as string,
    hint: expect.stringContaining("PIP_FIND_LINKS") as string,
  });
});

test("kas merges every machine and variant, and its schema accepts each", async () => {
  const merged = await validate(choices.map((choice) => selectKasFiles(choice).map((file) => join(LAYER_FOLDER, file))));
  expect(merged).toHaveLength(choices.length);
  expect(merged.flatMap((entry) => entry.problems.concat(entry.missing))).toEqual([]);
  expect(merged.map(({ config }) => [config.machine, config.target])).toEqual(
    choices.map((choice) => [choice.machine, choice.image]),
  );
  expect(merged.every(({ config }) => config.local_conf_header["k3s"]?.includes("k3s/k3s/enable"))).toBe(true);
});

test("kas accepts the file that setup writes, with its includes from this repository", async () => {
  const paths = await Promise.all(
    choices.slice(0, variants.length).map(async (choice, index) => {
      const config = planKasConfig({
        choice,
        layerFolder: LAYER_FOLDER,
        host: planHostSettings({ cpus: 4, memoryMib: 8000, freeDiskMib: 60_000, hasPressure: true }),
        offline: index % 2 === 0,
        sstateMirror: true,
        localRepositories: ["bitbake"],
        localeFolder: "/locale",
      });
      const path = join(folder, `kas-${index}.yml`);
      await writeFile(path, stringify(config));
      return [path];
    }),
  );
  const merged = await validate(paths);
  expect(merged.flatMap((entry) => entry.problems.concat(entry.missing))).toEqual([]);
});

test("kas's schema refuses a file that is wrong, so that its acceptance means something", async () => {
  const path = join(folder, "wrong.yml");
  await writeFile(path, "header: {version: 19}\nmachine: [a]\ntarget: x\nlocal_conf_header: {}\n");
  await expect(validate([[path]])).rejects.toThrow(/failed with exit status/);
});

const bitbakeSetupSchema = z.strictObject({
  description: z.string(),
  expires: z.iso.date(),
  version: z.literal("1.0"),
  sources: z.record(
    z.string(),
    z.strictObject({ "git-remote": z.strictObject({ uri: z.url(), branch: z.string(), rev: z.string().regex(/^[0-9a-f]{40}$/) }) }),
  ),
  "bitbake-setup": z.strictObject({ configurations: z.array(z.looseObject({ name: z.string(), description: z.string() })).min(1) }),
});

test("bitbake-setup's configuration pins what kas's lock file pins", async () => {
  const text = await readFile(join(LAYER_FOLDER, "setup/bitbake-setup/k3s-wrynose.conf.json"), "utf8");
  const { sources } = bitbakeSetupSchema.parse(JSON.parse(text));
  const pins = await readPins(LAYER_FOLDER);
  expect(Object.entries(sources).map(([name, { "git-remote": remote }]) => [name, remote.uri, remote.rev])).toEqual(
    pins.map((pin) => [pin.name, pin.url, pin.commit]),
  );
});
