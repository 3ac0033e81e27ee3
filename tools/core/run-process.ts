import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { execa } from "execa";
import type { Env } from "./context.ts";
import { AbortedError, CommandError } from "./errors.ts";
import type { Exec, ProcessExit, RunOptions, RunResult, SpawnedProcess, SpawnOptions } from "./exec.ts";

const TAIL_LINES = 40;
const KILL_GRACE_MS = 5000;

/** Last lines of a program's output, for an error message. */
export function tailOfOutput(text: string, lines = TAIL_LINES): string {
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}

function describeFailure(result: RunResult): string {
  const name = result.argv[0] ?? "";
  if (result.notFound) return `cannot run ${name}: it is not installed or not on PATH`;
  if (result.timedOut) return `${name} did not end in time and was stopped`;
  if (result.signalName !== undefined) return `${name} was ended by ${result.signalName}`;
  return `${name} failed with exit status ${result.status}`;
}

/**
 * Runs programs without a shell. `env` and `cwd` are the context's; `signal` ends whatever is running (SIGTERM, then SIGKILL after 5 s).
 */
export function openExec(base: { cwd: string; env: Env; signal: AbortSignal }): Exec {
  async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const abort = options.outlivesAbort === true ? new AbortController().signal : base.signal;
    if (abort.aborted) throw new AbortedError();
    const [file = "", ...args] = argv;
    const cancelSignal = options.signal === undefined ? abort : AbortSignal.any([abort, options.signal]);
    const child = execa(file, args, {
      cwd: options.cwd ?? base.cwd,
      env: { ...base.env, ...options.env },
      extendEnv: false,
      reject: false,
      cancelSignal,
      forceKillAfterDelay: KILL_GRACE_MS,
      stripFinalNewline: false,
      ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    });
    const readers = [child.stdout, child.stderr].map(async (stream) => {
      if (options.onLine === undefined || stream === null) return;
      for await (const line of createInterface({ input: stream })) options.onLine(line);
    });
    const outcome = await child;
    await Promise.all(readers);
    if (abort.aborted) throw new AbortedError();
    return {
      argv,
      status: outcome.exitCode,
      signalName: outcome.signal,
      stdout: outcome.stdout,
      stderr: outcome.stderr,
      timedOut: outcome.timedOut,
      notFound: outcome.exitCode === undefined && outcome.signal === undefined,
    };
  }

  async function runCheck(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const result = await run(argv, options);
    if (result.status === 0) return result;
    throw new CommandError(describeFailure(result), {
      argv,
      status: result.status,
      signalName: result.signalName,
      outputTail: tailOfOutput(result.stderr.trim() === "" ? result.stdout : result.stderr),
    });
  }

  function start(argv: readonly string[], options: SpawnOptions): Promise<SpawnedProcess> {
    if (base.signal.aborted) return Promise.reject(new AbortedError());
    // setpriv (util-linux, essential on Debian) asks the kernel to end the child when this thread's process goes away, which covers
    // even a SIGKILL of this tool; nothing that runs in this process could.
    const wrapped = ["setpriv", "--pdeathsig", options.deathSignal ?? "KILL", "--", ...argv];
    const output = openSync(options.outputFile, "a", 0o600);
    return new Promise((resolve, reject) => {
      const [file = "", ...args] = wrapped;
      const child = spawn(file, args, {
        cwd: options.cwd ?? base.cwd,
        env: { ...base.env, ...options.env },
        stdio: ["ignore", output, output],
      });
      const exited = new Promise<ProcessExit>((done) => {
        child.once("exit", (status, signalName) => {
          done({ status: status ?? undefined, signalName: signalName ?? undefined });
        });
      });
      child.once("error", (cause) => {
        closeSync(output);
        reject(new CommandError(`cannot start ${argv[0]}: ${cause.message}`, { argv, cause }));
      });
      child.once("spawn", () => {
        closeSync(output);
        resolve({ pid: child.pid ?? 0, argv, exited, kill: (signalName) => void child.kill(signalName) });
      });
    });
  }

  function attach(argv: readonly string[], options: { readonly env?: Env } = {}): Promise<ProcessExit> {
    const [file = "", ...args] = argv;
    return new Promise((resolve, reject) => {
      const child = spawn(file, args, { cwd: base.cwd, env: { ...base.env, ...options.env }, stdio: "inherit" });
      child.once("error", (cause) => reject(new CommandError(`cannot start ${file}: ${cause.message}`, { argv, cause })));
      child.once("exit", (status, signalName) => {
        resolve({ status: status ?? undefined, signalName: signalName ?? undefined });
      });
    });
  }

  return { run, runCheck, attach, spawn: start };
}
