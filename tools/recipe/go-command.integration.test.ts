import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Context } from "../core/context.ts";
import { formatModule, formatProxyPath } from "../gomod/parse-module.ts";
import type { Lock } from "./parse-lock.ts";
import { planGeneration } from "./run-generate.ts";
import { askGo, planGoEnvironment, writeSource } from "./testing/ask-go.ts";
import { openContext } from "./testing/open-context.ts";
import { openGo } from "./testing/open-go.ts";
import { PROGRAMS } from "./testing/real-programs.ts";
import type { RealProgram } from "./testing/real-programs.ts";

// The referee is the go command itself: real programs from the module proxy, each generated with a cold cache, then asked of `go list` and
// `go mod download` in a module cache of their own. Sets of modules, h1 hashes and the bytes of every zip have to agree.

let folder: string;
let ctx: Context;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-referee-"));
  const base = openContext(folder, process.env);
  const env = {
    ...process.env,
    PATH: await openGo(base, "1.26.5"),
    XDG_CACHE_HOME: join(folder, "cache"),
    GOMODCACHE: join(folder, "unused"),
    GOFLAGS: "-modcacherw",
  };
  ctx = openContext(folder, env);
}, 600_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Generates a program with the tool, everything cold, and gives the lock. */
async function generate(name: string, program: RealProgram, source: string | undefined, modules?: string): Promise<Lock> {
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  const versionsFile = join(home, "versions.yaml");
  await writeFile(
    versionsFile,
    JSON.stringify({
      schemaVersion: 1,
      programs: { [name]: program.entry },
    }),
  );
  const request = { versionsFile, name, version: undefined, source, modules, downloads: undefined, offline: false };
  return (await planGeneration(openContext(home, { ...ctx.env, XDG_CACHE_HOME: join(home, "cache") }), request)).lock;
}

function toLines(modules: ReadonlySet<string>, suffix: string): readonly string[] {
  return [...modules].map((module) => `${module.replace("@", " ")}${suffix}`);
}

async function sha256Of(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/** The source that the tool unpacked, found again through its go.mod. */
async function findUnpacked(name: string): Promise<string> {
  const sources = join(folder, name, "cache", "meta-k3s", "modules", "sources");
  return join(sources, (await readdir(sources))[0] ?? "");
}

describe.for(Object.entries(PROGRAMS))("%s", ([name, program]) => {
  it(`has ${program.shape}`, { timeout: 1_200_000 }, async () => {
    const source = program.source === undefined ? undefined : await writeSource(ctx, join(folder, name), program.source);
    const lock = await generate(name, program, source);
    const folderOfSource = source ?? (await findUnpacked(name));
    const reference = await askGo(ctx, join(folder, name), program, folderOfSource);
    const zips = lock.modules.filter((module) => module.source.kind === "zip");
    const bare = lock.modules.filter((module) => module.source.kind === "mod");
    expect(zips.map((module) => formatModule(module)).toSorted()).toEqual([...reference.zips].toSorted());
    expect(bare.map((module) => formatModule(module)).toSorted()).toEqual([...reference.bareGoMods].toSorted());
    expect([...reference.linked].filter((module) => !reference.zips.has(module))).toEqual([]);
    // A module that is linked has a licence; one that was only looked into has none.
    expect(
      zips
        .filter((module) => module.licenses.length > 0)
        .map((module) => formatModule(module))
        .toSorted(),
    ).toEqual([...reference.linked].toSorted());
    for (const module of [...zips, ...bare]) {
      const file = join(
        reference.cache,
        "cache",
        "download",
        formatProxyPath(module, module.source.kind === "mod" ? "mod" : "zip"),
      );
      expect({ module: formatModule(module), sha256: "sha256" in module.source ? module.source.sha256 : "" }).toEqual({
        module: formatModule(module),
        sha256: await sha256Of(file),
      });
    }
    for (const module of zips) {
      const hash = (
        await readFile(join(reference.cache, "cache", "download", `${formatProxyPath(module, "zip")}hash`), "utf8")
      ).trim();
      expect({ module: formatModule(module), h1: "h1" in module.source ? module.source.h1 : "" }).toEqual({
        module: formatModule(module),
        h1: hash,
      });
    }
    // From a list of what is linked, go.mod and go.sum tell the rest.
    const list = join(folder, name, "modules.txt");
    await writeFile(list, [...toLines(reference.linked, ""), ...toLines(reference.bareGoMods, "/go.mod")].join("\n"));
    const listed = await generate(name, program, folderOfSource, list);
    expect(listed.modules.map(({ path, version, source: from }) => ({ path, version, from }))).toEqual(
      lock.modules.map(({ path, version, source: from }) => ({ path, version, from })),
    );
  });
});

it("the modules of a list are replaced as the go command replaces them", { timeout: 600_000 }, async () => {
  const name = "listed";
  const program = PROGRAMS["replaces"] as RealProgram;
  const source = await writeSource(ctx, join(folder, name), program.source ?? {});
  const cache = join(folder, name, "reference");
  const { stdout } = await ctx.exec.runCheck(
    ["go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "."],
    { cwd: source, env: planGoEnvironment(cache) },
  );
  await writeFile(join(source, "modules.txt"), [...new Set(stdout.split("\n"))].join("\n"));
  const home = join(folder, name);
  const versionsFile = join(home, "versions.yaml");
  await writeFile(versionsFile, JSON.stringify({ schemaVersion: 1, programs: { [name]: program.entry } }));
  const { lock } = await planGeneration(openContext(home, { ...ctx.env, XDG_CACHE_HOME: join(home, "cache") }), {
    versionsFile,
    name,
    version: undefined,
    source,
    modules: join(source, "modules.txt"),
    downloads: undefined,
    offline: false,
  });
  const reference = await askGo(ctx, join(folder, name), program, source);
  expect(lock.modules.map((module) => formatModule(module)).toSorted()).toEqual([...reference.linked].toSorted());
  expect(lock.modules.filter((module) => module.path === "rsc.io/sampler").map((module) => module.version)).toEqual([
    "v1.3.0",
    "v1.3.1",
  ]);
});

it("a program whose go.mod replaces by local folders is refused with the reason", { timeout: 600_000 }, async () => {
  const program = { shape: "", entry: { module: "go.etcd.io/etcd/etcdctl/v3", version: "v3.6.4" } };
  await expect(generate("etcdctl", program, undefined)).rejects.toThrow(/local folders, which BitBake cannot fetch/);
});

it.for(["staticcheck", "prefix"])("%s: any one module less, and the set does not suffice", { timeout: 1_200_000 }, async (name) => {
  const program = PROGRAMS[name] as RealProgram;
  const home = join(folder, `${name}-fewer`);
  const written = program.source === undefined ? undefined : await writeSource(ctx, home, program.source);
  const lock = await generate(`${name}-fewer`, program, written);
  const source = written ?? (await findUnpacked(`${name}-fewer`));
  const reference = await askGo(ctx, home, program, source);
  const packages = (program.entry["packages"] ?? ["."]) as string[];
  for (const module of lock.modules.filter((one) => one.source.kind === "zip")) {
    const zip = join(reference.cache, "cache", "download", formatProxyPath(module, "zip"));
    const unpacked = formatProxyPath(module, "zip")
      .replace("/@v/", "@")
      .replace(/\.zip$/, "");
    const content = await readFile(zip);
    await rm(zip);
    await rm(join(reference.cache, unpacked), { recursive: true });
    const { status } = await ctx.exec.run(["go", "list", "-deps", ...packages], {
      cwd: source,
      env: { ...planGoEnvironment(reference.cache), GOPROXY: "off", CGO_ENABLED: "0" },
    });
    expect({ without: formatModule(module), status }).not.toEqual({ without: formatModule(module), status: 0 });
    await writeFile(zip, content);
  }
});

const shared = fileURLToPath(new URL("../../../shared/data/k3s-v1.36.3", import.meta.url));

describe.runIf(existsSync(shared))("k3s's own data", () => {
  it("the lock in this repository has exactly the modules that k3s links or looks into, each with go.sum's hash", async () => {
    const lock = JSON.parse(await readFile(new URL("../../recipes-containers/k3s/k3s.lock.json", import.meta.url), "utf8")) as Lock;
    const linked = (await readFile(join(shared, "linked-modules.txt"), "utf8")).trim().split("\n");
    // Its path is a prefix of golang.zx2c4.com/wireguard/wgctrl, which is linked.
    const prefixes = ["golang.zx2c4.com/wireguard v0.0.0-20231211153847-12269c276173"];
    expect(lock.modules.map(({ path, version }) => `${path} ${version}`).toSorted()).toEqual([...linked, ...prefixes].toSorted());
    const goSum = await readFile(join(shared, "go.sum"), "utf8");
    for (const module of lock.modules) {
      // What comes from git was not seen; its line in go.sum is checked when it is built.
      const h1 = module.source.kind === "zip" ? module.source.h1 : "";
      expect(goSum).toContain(`${module.path} ${module.version} ${h1}`);
    }
    expect(lock.source.goSum).toBe(createHash("sha256").update(goSum).digest("hex"));
  });
});

it.runIf(!existsSync(shared))(`k3s's own data are not beside this clone (${shared}): the lock is not compared with them`, () => {
  expect(existsSync(shared)).toBe(false);
});
