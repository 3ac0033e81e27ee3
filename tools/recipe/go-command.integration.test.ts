import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Context } from "../core/context.ts";
import { formatModule, formatProxyPath, unescapeModule } from "../gomod/parse-module.ts";
import type { Lock } from "./parse-lock.ts";
import { planGeneration } from "./run-generate.ts";
import { openContext } from "./testing/open-context.ts";
import { openGo } from "./testing/open-go.ts";

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

interface RealProgram {
  readonly shape: string;
  readonly entry: Readonly<Record<string, unknown>>;
  /** Source to take instead of the module's own zip. */
  readonly source?: Readonly<Record<string, string>>;
}

const PROGRAMS: Readonly<Record<string, RealProgram>> = {
  lint: {
    shape: "a pseudo-version, and a go.mod from before graph pruning, so that bare go.mod files are read",
    entry: { module: "golang.org/x/lint", version: "v0.0.0-20210508222113-6edffad5e616", packages: ["./golint"] },
  },
  staticcheck: {
    shape: "capitals in paths, pseudo-versions among the modules",
    entry: { module: "honnef.co/go/tools", version: "v0.6.1", packages: ["./cmd/staticcheck"] },
  },
  yq: { shape: "a path with a major version", entry: { module: "github.com/mikefarah/yq/v4", version: "v4.47.1" } },
  kustomize: {
    shape: "a module in a sub-directory of its repository, beside others",
    entry: { module: "sigs.k8s.io/kustomize/kustomize/v5", version: "v5.7.1" },
  },
  crane: {
    shape: "+incompatible modules, vendored upstream",
    entry: { module: "github.com/google/go-containerregistry", version: "v0.20.6", packages: ["./cmd/crane"] },
  },
  runc: {
    shape: "cgo, build tags, files for one architecture only",
    entry: { module: "github.com/opencontainers/runc", version: "v1.4.2", tags: ["seccomp", "apparmor"], cgo: true },
  },
  "cni-plugins": {
    shape: "many programs at once",
    entry: { module: "github.com/containernetworking/plugins", version: "v1.9.1", packages: ["./plugins/..."] },
  },
  replaces: {
    shape: "many replaces: to another path, to another version, two versions of one path",
    entry: { git: "https://example.com/replaces", version: "v1.0.0" },
    source: {
      "main.go": [
        "package main",
        "import (",
        ...[
          "github.com/BurntSushi/toml",
          "rsc.io/quote",
          "rsc.io/sampler",
          "example.com/older/sampler",
          "github.com/pkg/errors",
          "gopkg.in/yaml.v3",
          "golang.org/x/text/language",
        ].map((path) => `\t_ "${path}"`),
        ")",
        "func main() {}",
        "",
      ].join("\n"),
      "go.mod": `module example.com/replaces

go 1.24.0

require (
	example.com/older/sampler v0.0.0
	github.com/BurntSushi/toml v1.0.0
	github.com/pkg/errors v0.8.0
	golang.org/x/text v0.3.0
	gopkg.in/yaml.v3 v3.0.0
	rsc.io/quote v1.5.1
	rsc.io/sampler v1.3.0
)

replace (
	example.com/older/sampler v0.0.0 => rsc.io/sampler v1.3.0
	github.com/BurntSushi/toml => github.com/BurntSushi/toml v1.5.0
	github.com/pkg/errors v0.8.0 => github.com/pkg/errors v0.9.1
	golang.org/x/text => golang.org/x/text v0.28.0
	gopkg.in/yaml.v3 => go.yaml.in/yaml/v3 v3.0.4
	rsc.io/quote => rsc.io/quote v1.5.2
	rsc.io/sampler => rsc.io/sampler v1.3.1
)
`,
    },
  },
};

const environment = (cache: string): Record<string, string> => ({
  GOMODCACHE: cache,
  GOFLAGS: "-mod=readonly -modcacherw",
  GOWORK: "off",
  GOTOOLCHAIN: "local",
  GOSUMDB: "off",
  GOOS: "linux",
});

/** A source of the test's own gets its go.sum, and the lines go.mod lacks, from the go command. */
async function writeSource(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const source = join(folder, name, "source");
  await mkdir(source, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(source, file), content);
  await ctx.exec.runCheck(["go", "mod", "tidy"], {
    cwd: source,
    env: { ...environment(join(folder, name, "tidy")), GOFLAGS: "-mod=mod -modcacherw" },
  });
  return source;
}

/** Generates a program with the tool, everything cold, and gives the lock. */
async function generate(name: string, program: RealProgram, source: string | undefined): Promise<Lock> {
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
  const request = { versionsFile, name, version: undefined, source, modules: undefined, downloads: undefined, offline: false };
  return (await planGeneration(openContext(home, { ...ctx.env, XDG_CACHE_HOME: join(home, "cache") }), request)).lock;
}

interface Reference {
  /** What is linked, by `go list` on all three architectures. */
  readonly linked: ReadonlySet<string>;
  readonly zips: ReadonlySet<string>;
  readonly bareGoMods: ReadonlySet<string>;
  readonly cache: string;
}

/** Asks the go command the same question by itself. */
async function askGo(name: string, program: RealProgram, source: string): Promise<Reference> {
  const cache = join(folder, name, "reference");
  const format =
    "{{with .Module}}{{if not .Main}}{{with .Replace}}{{.Path}}@{{.Version}}{{else}}{{.Path}}@{{.Version}}{{end}}{{end}}{{end}}";
  const linked = new Set<string>();
  const tags = (program.entry["tags"] ?? []) as string[];
  const packages = (program.entry["packages"] ?? ["."]) as string[];
  for (const architecture of ["amd64", "arm64", "arm"]) {
    const { stdout } = await ctx.exec.runCheck(["go", "list", "-deps", "-f", format, "-tags", tags.join(","), ...packages], {
      cwd: source,
      env: { ...environment(cache), GOARCH: architecture, CGO_ENABLED: program.entry["cgo"] === true ? "1" : "0" },
    });
    for (const line of stdout.split("\n")) if (line !== "") linked.add(line);
  }
  const zips = new Set<string>();
  const goMods = new Set<string>();
  for (const file of await readdir(join(cache, "cache", "download"), { recursive: true })) {
    const match = /^(.*)\/@v\/(.*)\.(zip|mod)$/.exec(file);
    if (match !== null)
      (match[3] === "zip" ? zips : goMods).add(`${unescapeModule(match[1] ?? "")}@${unescapeModule(match[2] ?? "")}`);
  }
  return { linked, zips, bareGoMods: goMods.difference(zips), cache };
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
    const source = program.source === undefined ? undefined : await writeSource(name, program.source);
    const lock = await generate(name, program, source);
    const reference = await askGo(name, program, source ?? (await findUnpacked(name)));
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
  });
});

it("the modules of a list are replaced as the go command replaces them", { timeout: 600_000 }, async () => {
  const name = "listed";
  const program = PROGRAMS["replaces"] as RealProgram;
  const source = await writeSource(name, program.source ?? {});
  const cache = join(folder, name, "reference");
  const { stdout } = await ctx.exec.runCheck(
    ["go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "."],
    { cwd: source, env: environment(cache) },
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
  const reference = await askGo(name, program, source);
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

it("any one module less, and the set does not suffice", { timeout: 1_200_000 }, async () => {
  const program = PROGRAMS["staticcheck"] as RealProgram;
  const lock = await generate("fewer", program, undefined);
  const reference = await askGo("fewer", program, await findUnpacked("fewer"));
  for (const module of lock.modules.filter((one) => one.source.kind === "zip")) {
    const zip = join(reference.cache, "cache", "download", formatProxyPath(module, "zip"));
    const content = await readFile(zip);
    await rm(zip);
    await rm(
      join(
        reference.cache,
        formatProxyPath(module, "zip")
          .replace("/@v/", "@")
          .replace(/\.zip$/, ""),
      ),
      { recursive: true },
    );
    const { status } = await ctx.exec.run(["go", "list", "-deps", "./cmd/staticcheck"], {
      cwd: await findUnpacked("fewer"),
      env: { ...environment(reference.cache), GOPROXY: "off", CGO_ENABLED: "0" },
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
