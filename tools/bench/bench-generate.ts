import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { openExec } from "../core/run-process.ts";
import { usualPatience } from "../gomod/fetch-file.ts";
import { fetchModules } from "../gomod/fetch-modules.ts";
import { openModuleStore } from "../gomod/open-module-store.ts";
import { makeZipSums } from "../gomod/parse-go-sum.ts";
import { formatModule } from "../gomod/parse-module.ts";
import { readGoSettings } from "../gomod/read-go-settings.ts";
import { parseLock } from "../recipe/parse-lock.ts";

// `npm run bench:generate [ROUNDS]`: how long k3s's modules take, cold against `go mod download` of the same modules in the same minutes, and warm.
// Only ratios of one run mean anything; the host's load is printed beside them.

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SHARED = fileURLToPath(new URL("../../../shared/data/k3s-v1.36.3", import.meta.url));
const ROUNDS = Number(process.argv[2] ?? 2);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) / 2;
}

function openBenchContext(folder: string, extra: Record<string, string>): Context {
  const { signal } = new AbortController();
  const env = { ...process.env, ...extra };
  return {
    exec: openExec({ cwd: folder, env, signal }),
    clock: systemClock,
    log: { info: () => undefined, warn: say, debug: () => undefined, progress: () => undefined },
    signal,
    cwd: folder,
    env,
  };
}

const folder = await mkdtemp(join(tmpdir(), "meta-k3s-bench-"));
try {
  const lock = parseLock(await readFile(join(ROOT, "recipes-containers/k3s/k3s.lock.json"), "utf8"), "k3s.lock.json");
  const modules = lock.modules.flatMap(({ path, version, source }) =>
    source.kind === "zip" ? [{ path, version, h1: source.h1 }] : [],
  );
  const ctx = openBenchContext(folder, { GOMODCACHE: join(folder, "none") });
  const settings = await readGoSettings(openBenchContext(folder, {}));
  const goSum = makeZipSums(modules);
  const places = { proxies: settings.proxies, noProxy: settings.noProxy, patience: usualPatience };
  say(
    `${modules.length} modules of ${lock.program} ${lock.version}; ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1) ?? "?"}`,
  );

  const ours = async (name: string): Promise<number> =>
    timeMs(() => fetchModules(ctx, modules, { store: openModuleStore(join(folder, name)), goSum, places }));
  const theirs = async (name: string): Promise<number> => {
    const home = join(folder, name);
    await mkdir(home, { recursive: true });
    await writeFile(join(home, "go.mod"), "module bench\n\ngo 1.24\n");
    // Every hash is checked by the tool; the go command gets the same duty.
    await writeFile(join(home, "go.sum"), modules.map(({ path, version, h1 }) => `${path} ${version} ${h1}\n`).join(""));
    const env = {
      GOMODCACHE: join(home, "mod"),
      GOFLAGS: "-mod=mod -modcacherw",
      GOSUMDB: "off",
      GOTOOLCHAIN: "local",
      GOWORK: "off",
    };
    return timeMs(() =>
      ctx.exec.runCheck(["go", "mod", "download", ...modules.map((module) => formatModule(module))], { cwd: home, env }),
    );
  };

  const cold: { ours: number; theirs: number }[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const first = round % 2 === 1;
    const a = first ? await ours(`ours-${round}`) : await theirs(`theirs-${round}`);
    const b = first ? await theirs(`theirs-${round}`) : await ours(`ours-${round}`);
    const pair = first ? { ours: a, theirs: b } : { ours: b, theirs: a };
    cold.push(pair);
    say(
      `cold, round ${round}: meta-k3s ${(pair.ours / 1000).toFixed(1)} s, go mod download ${(pair.theirs / 1000).toFixed(1)} s: ratio ${(pair.ours / pair.theirs).toFixed(2)} (load ${loadavg()[0]?.toFixed(1) ?? "?"})`,
    );
  }
  say(
    `cold: median ratio ${medianOf(cold.map((pair) => pair.ours / pair.theirs)).toFixed(2)} of go mod download (at most 1.2 is wanted)`,
  );

  const server = createServer((_request, response) => {
    requests += 1;
    response.writeHead(500).end();
  });
  let requests = 0;
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const counting = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const store = openModuleStore(join(folder, "ours-1"));
  const warm = await timeMs(() =>
    fetchModules(ctx, modules, { store, goSum, places: { ...places, proxies: [{ place: counting, next: "not-found" }] } }),
  );
  say(`warm, the modules alone: ${(warm / 1000).toFixed(2)} s, ${requests} requests`);

  // The whole command, from starting Node to the last file compared; a proxy that counts stands where the network was.
  const measureCommand = async (what: string, argv: readonly string[], env: Record<string, string>): Promise<void> => {
    await ctx.exec.runCheck(argv, { cwd: ROOT, env });
    const times: number[] = [];
    for (let round = 0; round < 3; round += 1)
      times.push(await timeMs(() => ctx.exec.runCheck(argv, { cwd: ROOT, env: { ...env, GOPROXY: counting } })));
    say(`warm, ${what}: median ${(medianOf(times) / 1000).toFixed(2)} s (at most 2 s is wanted), ${requests} requests`);
  };
  const command = [join(ROOT, "meta-k3s"), "generate"];
  const fromSource = { GOMODCACHE: join(folder, "none"), XDG_CACHE_HOME: join(folder, "cache") };
  await measureCommand("./meta-k3s generate k3s-runc (source from the proxy)", [...command, "k3s-runc", "--dry-run"], fromSource);
  if (existsSync(SHARED)) {
    const list = join(SHARED, "linked-modules.txt");
    // --offline keeps it from asking upstream for the release's checksums, which are not on every machine to be had.
    const argv = [...command, "k3s", "--modules", list, "--offline", "--dry-run"];
    await ctx.exec.runCheck(
      argv.filter((argument) => argument !== "--offline"),
      { cwd: ROOT, env: { GOMODCACHE: settings.moduleCache } },
    );
    await measureCommand("./meta-k3s generate k3s", argv, {});
  } else say(`warm, ./meta-k3s generate k3s: not measured, k3s's go.mod and go.sum are not at ${SHARED}`);
  await new Promise((resolve) => {
    server.close(resolve);
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}
