import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { killAll } from "./kill-marked-processes.ts";

const POLL_MS = 200;
/** Looks in a row that must find nothing. */
const EMPTY_LOOKS = 3;
/** A server that runs no task has nothing to finish: it writes its caches and goes. */
const IDLE_GRACE_MS = 15_000;
/** With tasks under way, BitBake itself waits up to 30 s before it ends them (bb/server/process.py, disconnect_client). */
const BUSY_GRACE_MS = 90_000;
/** Files by which a server shows that it is there; none means anything once its process has ended. */
const LEFTOVERS = ["bitbake.lock", "bitbake.sock", "hashserve.sock"];

/** A process as /proc shows it. */
interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly zombie: boolean;
  readonly arguments: string;
}

async function readProcess(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may hold blanks and parentheses itself: what follows the last one counts (proc(5)).
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const words = (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim();
    return { pid, parent: Number(parent), zombie: state === "Z", arguments: words };
  } catch {
    return undefined;
  }
}

async function readProcesses(): Promise<readonly ProcessEntry[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const entries = await Promise.all(pids.map((pid) => readProcess(pid)));
  return entries.filter((entry) => entry !== undefined).filter((entry) => !entry.zombie);
}

/** BitBake's server of a build folder names the folder's log among its arguments; its helper processes are forks with the same ones. */
function selectServers(processes: readonly ProcessEntry[], buildFolder: string): readonly ProcessEntry[] {
  const log = join(buildFolder, "bitbake-cookerdaemon.log");
  return processes.filter((entry) => entry.arguments.includes("bitbake-server") && entry.arguments.includes(log));
}

function selectDescendants(processes: readonly ProcessEntry[], roots: readonly ProcessEntry[]): readonly ProcessEntry[] {
  const found = new Map(roots.map((entry) => [entry.pid, entry]));
  for (let grown = true; grown;) {
    const next = processes.filter((entry) => found.has(entry.parent) && !found.has(entry.pid));
    for (const entry of next) found.set(entry.pid, entry);
    grown = next.length > 0;
  }
  return [...found.values()];
}

/** Process ids of the build folder's BitBake server, its helpers, its worker and the tasks below that; empty when none is there. */
export async function readServerPids(buildFolder: string): Promise<readonly number[]> {
  const processes = await readProcesses();
  return selectDescendants(processes, selectServers(processes, buildFolder)).map((entry) => entry.pid);
}

async function isBusy(buildFolder: string): Promise<boolean> {
  const processes = await readProcesses();
  const all = selectDescendants(processes, selectServers(processes, buildFolder));
  return all.some((entry) => entry.arguments.includes("bitbake-worker"));
}

async function removeLeftovers(buildFolder: string): Promise<void> {
  for (const name of LEFTOVERS) await rm(join(buildFolder, name), { force: true });
}

/** True when something else in the folder would miss its server: a server that was there before the build is not this tool's to end. */
export async function isServerThere(buildFolder: string): Promise<boolean> {
  return (await readServerPids(buildFolder)).length > 0;
}

/**
 * Waits until the BitBake server that a client of this tool started has ended, and ends it where it does not: BitBake 2.18's server hangs for ever
 * when it is interrupted while it parses (a KeyError breaks its idle thread; SIGTERM does not reach it), and its hash server then holds the
 * build's lock. Afterwards no process and no lock of it is left. Does not listen to the context's signal: it is what follows an abort.
 */
export async function waitBitBakeServer(ctx: Pick<Context, "clock" | "log">, buildFolder: string): Promise<void> {
  const startMs = ctx.clock.monotonicMs();
  let told = false;
  // A client that is interrupted at its very start may leave a server that is only just being started: one look is not enough.
  for (let empty = 0; empty < EMPTY_LOOKS; await ctx.clock.sleep(POLL_MS)) {
    const pids = await readServerPids(buildFolder);
    empty = pids.length === 0 ? empty + 1 : 0;
    if (pids.length === 0) continue;
    const waitedMs = ctx.clock.monotonicMs() - startMs;
    if (waitedMs > ((await isBusy(buildFolder)) ? BUSY_GRACE_MS : IDLE_GRACE_MS)) {
      ctx.log.warn(`BitBake's server does not end by itself; ending its ${pids.length} processes`);
      killAll(pids);
    } else if (waitedMs > 2000 && !told) {
      ctx.log.info("waiting for BitBake's server to end");
      told = true;
    }
  }
  await removeLeftovers(buildFolder);
}
