import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Context } from "../core/context.ts";
import { fetchModules } from "../gomod/fetch-modules.ts";
import { usualPatience } from "../gomod/fetch-file.ts";
import { openModuleStore } from "../gomod/open-module-store.ts";
import { makeZipSums } from "../gomod/parse-go-sum.ts";
import { compareText, formatModule, formatProxyPath } from "../gomod/parse-module.ts";
import { readGoSettings } from "../gomod/read-go-settings.ts";
import { readModuleZip } from "../gomod/read-module-zip.ts";
import { writePrefetched } from "../gomod/write-prefetched.ts";
import { cacheFolderOf } from "../host/read-host-state.ts";
import { parseLock } from "./parse-lock.ts";
import type { Lock } from "./parse-lock.ts";
import { fetchChecks } from "../yocto/testing/fetch-checks.ts";
import { openContext } from "./testing/open-context.ts";
import { openGo } from "./testing/open-go.ts";

// BitBake's own gomod fetcher (PyPI wheel `bitbake-setup`) is the referee of the generated SRC_URI: a random sample and every odd case of k3s, first
// from DL_DIR without a network, as after --prefetch, then a few from the network.

const SCRIPT = fileURLToPath(new URL("testing/fetch-with-bitbake.py", import.meta.url));
const RECIPE = new URL("../../recipes-containers/k3s/", import.meta.url);
const seed = Number(process.env["META_K3S_SEED"] ?? Date.now() % 1_000_000);
const SAMPLE = 12;

type Module = Lock["modules"][number];

let folder: string;
let ctx: Context;
let python: string;
let lock: Lock;
let uris: ReadonlyMap<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-bitbake-"));
  ctx = openContext(folder, { ...process.env, PATH: await openGo(openContext(folder, process.env), "1.26.5") });
  python = await fetchChecks(ctx);
  lock = parseLock(await readFile(new URL("k3s.lock.json", RECIPE), "utf8"), "k3s.lock.json");
  const text = await readFile(new URL("k3s-go-mods.inc", RECIPE), "utf8");
  uris = new Map(
    [...text.matchAll(/gomod:\/\/([^;]+);version=([^;]+);\S+/g)].map((match) => [`${match[1]}@${match[2]}`, match[0]]),
  );
}, 600_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A little generator (mulberry32), so that a seed names a sample. */
function pickSample<T>(items: readonly T[], count: number, start: number): readonly T[] {
  let state = start;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
  return items
    .map((item) => ({ item, rank: next() }))
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ item }) => item);
}

function isOdd({ path, version }: Module): boolean {
  return (
    /[A-Z]/.test(path) ||
    /[A-Z]/.test(version) ||
    version.includes("+incompatible") ||
    path.startsWith("gopkg.in/") ||
    /-rc/.test(version) ||
    /\.v\d+$/.test(path)
  );
}

interface Answer {
  readonly uri: string;
  readonly error: string | null;
}

async function fetchWithBitbake(where: string, wanted: readonly string[], options: readonly string[]): Promise<readonly Answer[]> {
  const { stdout } = await ctx.exec.runCheck([python, SCRIPT, where, ...options], { input: wanted.join("\n") });
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Answer);
}

function uriOf(module: Module): string {
  return uris.get(formatModule(module)) ?? `no URI for ${formatModule(module)}`;
}

async function expectUnpacked(where: string, module: Module): Promise<void> {
  const path = join(where, "unpacked", "pkg", "mod", "cache", "download", formatProxyPath(module, "zip"));
  const zip = await readModuleZip(path, module);
  expect({ module: formatModule(module), h1: zip.zipHash }).toEqual({
    module: formatModule(module),
    h1: module.source.kind === "zip" ? module.source.h1 : "",
  });
  await access(path.replace(/zip$/, "mod"));
}

it(
  `BitBake takes what --prefetch put into DL_DIR: every odd case and ${SAMPLE} others (META_K3S_SEED=${seed})`,
  { timeout: 900_000 },
  async () => {
    const zips = lock.modules.filter((module) => module.source.kind === "zip");
    const odd = zips.filter((module) => isOdd(module));
    expect(odd.length).toBeGreaterThan(20);
    const wanted = [
      ...new Set([
        ...odd,
        ...pickSample(
          zips.filter((module) => !isOdd(module)),
          SAMPLE,
          seed,
        ),
      ]),
    ];
    const settings = await readGoSettings(ctx);
    const store = openModuleStore(join(cacheFolderOf(process.env), "modules"));
    await fetchModules(ctx, wanted, {
      store,
      moduleCache: settings.moduleCache,
      goSum: makeZipSums(
        wanted.map((module) => ({
          path: module.path,
          version: module.version,
          h1: module.source.kind === "zip" ? module.source.h1 : "",
        })),
      ),
      places: { proxies: settings.proxies, noProxy: settings.noProxy, patience: usualPatience },
    });
    const where = join(folder, "offline");
    const done = await writePrefetched(ctx, wanted, { store, folder: join(where, "downloads") });
    expect(done).toMatchObject({ written: wanted.length, present: 0 });
    const answers = await fetchWithBitbake(
      where,
      wanted.map((module) => uriOf(module)),
      ["--offline"],
    );
    expect(answers).toEqual(wanted.map((module) => ({ uri: uriOf(module), error: null })));
    for (const module of wanted) await expectUnpacked(where, module);
  },
);

it(`BitBake fetches from the network what the recipe says (META_K3S_SEED=${seed})`, { timeout: 900_000 }, async () => {
  const zips = lock.modules.filter((module) => module.source.kind === "zip");
  const small = new Set(["github.com/Masterminds/semver/v3", "github.com/pierrec/lz4", "gopkg.in/yaml.v2"]);
  const wanted = [
    ...zips.filter((module) => small.has(module.path)),
    ...pickSample(
      zips.filter((module) => !small.has(module.path)),
      3,
      seed,
    ),
  ];
  const where = join(folder, "online");
  const answers = await fetchWithBitbake(
    where,
    wanted.map((module) => uriOf(module)),
    [],
  );
  expect(answers).toEqual(wanted.map((module) => ({ uri: uriOf(module), error: null })));
  for (const module of wanted) await expectUnpacked(where, module);
});

it("BitBake refuses a file with another sha256, and a module that is not there", { timeout: 300_000 }, async () => {
  const module = lock.modules.find(({ path }) => path === "github.com/beorn7/perks");
  const uri = module === undefined ? "" : uriOf(module);
  const where = join(folder, "refused");
  await mkdir(join(where, "downloads"), { recursive: true });
  const name = `${uri
    .replace(/^gomod:\/\//, "")
    .replace(/;.*/, "")
    .replaceAll("/", ".")}@${module?.version ?? ""}.zip`;
  await writeFile(join(where, "downloads", name), "not the zip");
  const [answer] = await fetchWithBitbake(where, [uri], ["--offline"]);
  expect(answer?.error).not.toBeNull();
  expect((await readdir(join(where, "downloads"))).toSorted(compareText)).not.toEqual([name]);
});
