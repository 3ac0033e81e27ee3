/**
 * Measures what the layer adds to BitBake's parse of all recipes where it is in bblayers.conf and its feature is off: processor time of `bitbake --parse-only`
 * from empty caches, without the layer and with it, in turns.
 *
 *     node tools/yocto/testing/bench-parse.ts --sources DIR [--rounds 3] [--limit 3]
 *
 * DIR has clones of bitbake, openembedded-core and meta-openembedded. To be run as an ordinary user: BitBake refuses root. To be run alone: beside other work
 * even processor time goes up and down by several percent. Prints a line for each parse and the growth of the medians; fails when that is above `--limit`
 * percent.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const LAYER = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/u, "");
/** USER_HZ, which is 100 on every architecture that Node runs on (proc(5), times(2)). */
const TICKS_PER_SECOND = 100;

/** user, system, and both of the children that were waited for: fields 14 to 17 of /proc/PID/stat (proc(5)). */
function readCpuSeconds(pid: string): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / TICKS_PER_SECOND;
}

function runBitBake(sources: string, folder: string, args: readonly string[]): string {
  const bitbake = join(sources, "bitbake/bin/bitbake");
  const path = [join(sources, "openembedded-core/scripts"), join(sources, "bitbake/bin"), process.env["PATH"] ?? ""].join(":");
  // The server stays: it and the parsers it has waited for are what is measured.
  const env = { ...process.env, PATH: path, BBPATH: folder, BUILDDIR: folder, BB_SERVER_TIMEOUT: "3600" };
  const result = spawnSync(bitbake, args, { cwd: folder, env, encoding: "utf8" });
  if (result.status !== 0)
    throw new Error(`bitbake ${args.join(" ")} ended with status ${result.status}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

interface Parse {
  readonly cpuSeconds: number;
  readonly recipes: string;
}

function measureParse(sources: string, layers: readonly string[]): Parse {
  const folder = mkdtempSync(join(tmpdir(), "meta-k3s-parse-"));
  try {
    mkdirSync(join(folder, "conf"));
    writeFileSync(join(folder, "conf/bblayers.conf"), `BBPATH = "\${TOPDIR}"\nBBFILES ?= ""\nBBLAYERS = "${layers.join(" ")}"\n`);
    writeFileSync(
      join(folder, "conf/local.conf"),
      [
        'MACHINE = "qemux86-64"',
        'CONF_VERSION = "2"',
        'CONNECTIVITY_CHECK_URIS = ""',
        `DL_DIR = "${join(folder, "downloads")}"`,
        'SKIP_META_K3S_SANITY_CHECK = "1"',
        "",
      ].join("\n"),
    );
    const output = runBitBake(sources, folder, ["--parse-only"]);
    const [pid = ""] = /\d+/u.exec(readFileSync(join(folder, "bitbake.lock"), "utf8")) ?? [];
    const cpuSeconds = readCpuSeconds(pid);
    runBitBake(sources, folder, ["--kill-server"]);
    return { cpuSeconds, recipes: /Parsing of (\d+) \.bb files complete/u.exec(output)?.[1] ?? "?" };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}

const { values: given } = parseArgs({
  options: { sources: { type: "string" }, rounds: { type: "string", default: "3" }, limit: { type: "string", default: "3" } },
});
const sources = resolve(given.sources ?? ".");
const oe = ["meta-oe", "meta-python", "meta-networking", "meta-filesystems"];
const without = [join(sources, "openembedded-core/meta"), ...oe.map((name) => join(sources, "meta-openembedded", name))];
const figures: { without: number[]; with: number[] } = { without: [], with: [] };
process.stdout.write(`${availableParallelism()} processors\n`);
for (let round = 1; round <= Number(given.rounds); round += 1) {
  for (const side of ["without", "with"] as const) {
    const parse = measureParse(sources, side === "with" ? [...without, LAYER] : without);
    figures[side].push(parse.cpuSeconds);
    process.stdout.write(`${round}: ${side} the layer ${parse.cpuSeconds.toFixed(1)} s for ${parse.recipes} recipes\n`);
  }
}
const growth = (median(figures.with) / median(figures.without) - 1) * 100;
process.stdout.write(
  `medians: ${median(figures.without).toFixed(1)} s without, ${median(figures.with).toFixed(1)} s with the layer: ${growth.toFixed(1)} % more\n`,
);
process.exitCode = growth <= Number(given.limit) ? 0 : 1;
