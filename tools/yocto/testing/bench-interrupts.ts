/**
 * Interrupts a command at random moments, many times, and counts what it leaves: processes of this user, locks, half-written files.
 *
 *     node tools/yocto/testing/bench-interrupts.ts --times 50 --within 60 --folder DIR -- ./meta-k3s build qemux86-64 --dry-run --dir DIR
 *
 * To be run as a user of its own, because every new process of the user counts as left behind. Prints a line for each round and the sum; fails when anything was
 * left. A round that ends before its interrupt counts as such.
 */
import { spawn } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as setTimeoutPromise } from "node:timers/promises";
import { parseArgs } from "node:util";

/** What a whole run never leaves: locks and sockets of BitBake, git's lock, parts of files that are written beside. */
const LEFTOVER = /(?:^|\/)(?:bitbake\.lock|[^/]*\.sock|index\.lock|[^/]*\.part)$/u;
/** After the command has returned, the kernel may need a moment to take a process off the table. */
const SETTLE_MS = 500;

interface Round {
  readonly delayMs: number;
  readonly signals: readonly NodeJS.Signals[];
  readonly endedBefore: boolean;
  readonly tookMs: number;
  readonly processes: readonly string[];
  readonly files: readonly string[];
}

async function readOwnProcesses(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/u.test(name))) {
    const owner = await stat(`/proc/${pid}`).then(
      (info) => info.uid,
      () => -1,
    );
    if (owner !== process.getuid?.()) continue;
    const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const [state] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || text === "") continue;
    const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    found.set(pid, words.replaceAll("\0", " ").trim().slice(0, 100));
  }
  return found;
}

async function readLeftovers(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => LEFTOVER.test(`/${name}`)).map((name) => join(folder, name));
}

function sleep(ms: number): Promise<"slept"> {
  return new Promise((done) => {
    setTimeout(() => done("slept"), ms).unref();
  });
}

async function runRound(argv: readonly string[], folder: string, withinMs: number): Promise<Round> {
  const before = await readOwnProcesses();
  const delayMs = Math.random() * withinMs;
  // One in three insists: the second signal comes before the first has done its work.
  const signals: NodeJS.Signals[] = [Math.random() < 0.5 ? "SIGINT" : "SIGTERM"];
  if (Math.random() < 1 / 3) signals.push("SIGINT");
  const startMs = performance.now();
  const [file = "", ...args] = argv;
  const child = spawn(file, args, { stdio: "ignore" });
  const ended = new Promise<void>((done) => {
    child.once("exit", () => done());
  });
  const first = await Promise.race([ended, sleep(delayMs)]);
  for (const [index, name] of signals.entries()) {
    if (index > 0) await Promise.race([ended, sleep(1000)]);
    child.kill(name);
  }
  await ended;
  const tookMs = performance.now() - startMs - delayMs;
  await setTimeoutPromise(SETTLE_MS);
  const after = await readOwnProcesses();
  const processes = [...after].filter(([pid]) => !before.has(pid)).map(([pid, words]) => `${pid} ${words}`);
  return { delayMs, signals, endedBefore: first !== "slept", tookMs, processes, files: await readLeftovers(folder) };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { times: { type: "string", default: "50" }, within: { type: "string", default: "60" }, folder: { type: "string" } },
});
const rounds: Round[] = [];
for (let index = 0; index < Number(values.times); index += 1) {
  const round = await runRound(positionals, values.folder ?? ".", Number(values.within) * 1000);
  rounds.push(round);
  const left = [...round.processes, ...round.files];
  const how = round.endedBefore
    ? "ended by itself"
    : `${round.signals.join("+")} after ${(round.delayMs / 1000).toFixed(1)} s, gone ${(round.tookMs / 1000).toFixed(1)} s later`;
  process.stdout.write(`${index + 1}: ${how}; left: ${left.length === 0 ? "nothing" : left.join(", ")}\n`);
}
const interrupted = rounds.filter((round) => !round.endedBefore);
const worstMs = Math.max(0, ...interrupted.map((round) => round.tookMs));
const count = (pick: (round: Round) => readonly string[]): number => rounds.reduce((sum, round) => sum + pick(round).length, 0);
process.stdout.write(
  `${interrupted.length} interrupts of ${rounds.length} rounds: ${count((round) => round.processes)} processes, ${count((round) => round.files)} locks and partial files left; slowest end ${(worstMs / 1000).toFixed(1)} s\n`,
);
process.exitCode = count((round) => round.processes) + count((round) => round.files) === 0 ? 0 : 1;
