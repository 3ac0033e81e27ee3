import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Context } from "../core/context.ts";
import { AbortedError, CommandError, PreflightError } from "../core/errors.ts";
import type { ProcessExit, SpawnedProcess } from "../core/exec.ts";
import { tailOfOutput } from "../core/run-process.ts";
import { judgeExit } from "./judge-exit.ts";
import type { Launcher, Machine, MachineExit, MachinePlan } from "./machine.ts";
import type { ConsoleListener } from "./open-console.ts";
import { openConsole } from "./open-console.ts";
import type { Qmp, QmpEvent } from "./open-qmp.ts";
import { openQmp } from "./open-qmp.ts";
import { openRunFolder } from "./open-run-folder.ts";
import { parseSshPort } from "./parse-usernet.ts";
import type { RunFiles } from "./plan-qemu-argv.ts";
import { writeDisks } from "./write-disks.ts";
import { writeGuestAccess } from "./write-guest-access.ts";

/** What a launcher is given to start QEMU with, and what it gives back. */
export interface StartOptions {
  readonly plan: MachinePlan;
  readonly files: RunFiles;
  /** Private folder of the run, its path free of blanks and commas wherever the run folder's base is. */
  readonly folder: string;
  /** Where the program's output goes. */
  readonly logPath: string;
}

export interface StartedQemu {
  readonly process: SpawnedProcess;
  /** QEMU's own process id; asked for when QEMU has connected. */
  readPid(): Promise<number>;
  /** Ends a QEMU that outlives `process`; for launchers that start it through another program. */
  readonly cutLifeline?: () => Promise<void>;
}

/** Time for QEMU to come up to its control socket: it has nothing to do before, but hosts may be busy. */
const CONNECT_TIMEOUT_MS = 60_000;
/** Time for the rest of a panic's report to come out before QEMU is ended. */
const PANIC_GRACE_MS = 2000;
const TERM_GRACE_MS = 5000;

async function readLogTail(path: string): Promise<string> {
  return tailOfOutput(await readFile(path, "utf8").catch(() => ""));
}

/** Turns QEMU's refusal to start into an error that says what to do. */
async function explainRefusal(options: StartOptions, started: StartedQemu, launcher: Launcher["name"]): Promise<Error> {
  const log = await readLogTail(options.logPath);
  const exit = await started.process.exited;
  const port = /Could not set up host forwarding rule '[^']*:(\d+)-:22'/u.exec(log)?.[1];
  if (port !== undefined) {
    return new PreflightError(`port ${port} on 127.0.0.1 is already in use, so the guest's SSH cannot be reached there`, {
      checks: [{ name: `port ${port}`, found: "in use", repair: undefined }],
      hint: "leave out the port to let QEMU choose a free one, or end what uses it (ss -tlnp)",
    });
  }
  const how = exit.signalName === undefined ? `exit status ${exit.status}` : exit.signalName;
  const name = launcher === "runqemu" ? "runqemu ended without a running QEMU" : "QEMU did not start";
  const reason =
    log.split("\n").findLast((line) => /error|qemu-system|could not|failed/iu.test(line)) ?? log.split("\n").at(-1) ?? "";
  return new CommandError(`${name} (${how}): ${reason.trim() || "it said nothing"}`, {
    argv: started.process.argv,
    status: exit.status,
    signalName: exit.signalName,
    outputTail: log,
  });
}

async function readSshPort(qmp: Qmp): Promise<number | undefined> {
  const answer = await qmp.command("human-monitor-command", { "command-line": "info usernet" });
  return typeof answer === "string" ? parseSshPort(answer) : undefined;
}

interface Ending {
  endedByTool: "power-cut" | "power-off-timeout" | "disposed" | undefined;
  shutdownReason: string | undefined;
  panicEvent: boolean;
  panicLine: string | undefined;
}

function noteEvent(ending: Ending, event: QmpEvent): void {
  if (event.name === "GUEST_PANICKED") ending.panicEvent = true;
  if (event.name === "SHUTDOWN" && typeof event.data["reason"] === "string") ending.shutdownReason = event.data["reason"];
}

/** A guest that hangs in its panic is ended, once the report of it has had time to come out. */
async function endAfterPanic(ctx: Pick<Context, "clock">, process: SpawnedProcess, exited: Promise<MachineExit>): Promise<void> {
  await Promise.race([exited, ctx.clock.sleep(PANIC_GRACE_MS)]);
  process.kill("SIGKILL");
}

/** Waits for everything to have ended and judges why. */
async function watchExit(options: {
  gone: Promise<ProcessExit>;
  qmp: Qmp;
  console: ConsoleListener;
  ending: Ending;
  logPath: string;
}): Promise<MachineExit> {
  const exit = await options.gone;
  // Under runqemu QEMU is another process; its sockets close when it is really gone.
  await Promise.all([options.qmp.closed, options.console.closed]);
  return judgeExit({
    ...exit,
    ...options.ending,
    consoleTail: options.console.tail(),
    logTail: await readLogTail(options.logPath),
  });
}

/**
 * Powers a machine on: what both launchers have in common. Makes the run's folder, keys, overlays and sockets, calls `start`, learns the
 * SSH port from QEMU itself, and watches it to its end. Whatever fails, nothing is left behind.
 */
export async function openMachine(
  ctx: Context,
  options: { plan: MachinePlan; launcher: Launcher["name"]; start: (start: StartOptions) => Promise<StartedQemu> },
): Promise<Machine> {
  const { plan, launcher } = options;
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await openRunFolder(ctx));
  const outputFolder = plan.outputFolder === undefined ? folder : resolve(ctx.cwd, plan.outputFolder);
  await mkdir(outputFolder, { recursive: true });
  const access = await writeGuestAccess(ctx, {
    arch: plan.spec.arch,
    access: plan.access,
    handOver: plan.handOver,
    folder,
  });
  const disks = await writeDisks(ctx, {
    spec: plan.spec,
    folder: plan.stateFolder === undefined ? folder : resolve(ctx.cwd, plan.stateFolder),
  });
  const files: RunFiles = {
    disks,
    credentials: access.credentials,
    handOverDisk: access.handOverDisk,
    qmpSocketPath: join(folder, "qmp"),
    consoleSocketPath: join(folder, "tty"),
    consolePath: join(outputFolder, "console.log"),
  };

  const ending: Ending = { endedByTool: undefined, shutdownReason: undefined, panicEvent: false, panicLine: undefined };
  let powerOnMs = ctx.clock.monotonicMs();
  const consoleListener = stack.use(
    await openConsole({ path: files.consoleSocketPath, clock: ctx.clock, powerOnMs: () => powerOnMs }),
  );
  const qmpListener = stack.use(
    await openQmp(ctx, {
      path: files.qmpSocketPath,
      onEvent: (event) => {
        noteEvent(ending, event);
        if (event.name === "RESET") consoleListener.noteReset();
      },
    }),
  );

  const start: StartOptions = { plan, files, folder, logPath: join(outputFolder, "qemu.log") };
  const started = await options.start(start);
  const child = started.process;
  let running = true;
  const gone = child.exited.then(async (exit) => {
    running = false;
    await started.cutLifeline?.();
    return exit;
  });
  const endBy = async (how: Ending["endedByTool"], firstSignal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    if (!running) {
      await gone;
      return;
    }
    ending.endedByTool ??= how;
    child.kill(firstSignal);
    const ended = new AbortController();
    void child.exited.then(() => ended.abort());
    await ctx.clock.sleep(TERM_GRACE_MS, ended.signal).catch(() => undefined);
    if (running) child.kill("SIGKILL");
    await gone;
  };
  // What is thrown away needs no flushing; runqemu must be asked, or it leaves its own files behind.
  const politely = plan.stateFolder === undefined && launcher === "qemu" ? "SIGKILL" : "SIGTERM";
  stack.defer(() => endBy("disposed", politely));
  const onAbort = (): void => void endBy("disposed", politely);
  ctx.signal.addEventListener("abort", onAbort, { once: true });
  stack.defer(() => ctx.signal.removeEventListener("abort", onAbort));

  const connecting = new AbortController();
  const qmp = await Promise.race([
    qmpListener.connected.catch(() => undefined),
    child.exited.then(() => undefined),
    ctx.clock.sleep(CONNECT_TIMEOUT_MS, connecting.signal).then(
      () => "late" as const,
      () => undefined,
    ),
  ]);
  connecting.abort();
  powerOnMs = ctx.clock.monotonicMs();
  const poweredOnAtMs = ctx.clock.nowMs();
  if (ctx.signal.aborted) throw new AbortedError();
  if (qmp === "late") {
    throw new CommandError(`QEMU did not come up within ${CONNECT_TIMEOUT_MS / 1000} s`, {
      argv: child.argv,
      outputTail: await readLogTail(start.logPath),
    });
  }
  const port = qmp === undefined ? undefined : await readSshPort(qmp).catch(() => undefined);
  if (qmp === undefined || (port === undefined && !running)) throw await explainRefusal(start, started, launcher);
  if (port === undefined) {
    // The connection may close a moment before the process is gone.
    await Promise.race([child.exited, ctx.clock.sleep(TERM_GRACE_MS)]);
    if (!running) throw await explainRefusal(start, started, launcher);
    throw new CommandError("QEMU forwards no port to the guest's SSH server (port 22)", {
      argv: child.argv,
      hint: "a QB_SLIRP_OPT in the qemuboot.conf must hold hostfwd=tcp:127.0.0.1:0-:22",
    });
  }
  const pid = await started.readPid();

  const exited = watchExit({ gone, qmp, console: consoleListener, ending, logPath: start.logPath });
  consoleListener.onEvent((event) => {
    if (event.kind !== "kernel-panic" || ending.panicLine !== undefined) return;
    ending.panicLine = event.line;
    void endAfterPanic(ctx, child, exited);
  });

  const resources = stack.move();
  return {
    spec: plan.spec,
    launcher,
    ssh: { host: "127.0.0.1", port, ...access.endpoint },
    pid,
    poweredOnAtMs,
    consolePath: files.consolePath,
    exited,
    onConsoleEvent: (listener) => consoleListener.onEvent(listener),
    qmp: (command, args) => qmp.command(command, args),
    async powerOff({ timeoutMs }) {
      const over = new AbortController();
      void exited.then(() => over.abort());
      await qmp.command("system_powerdown").catch(() => undefined);
      await ctx.clock.sleep(timeoutMs, over.signal).catch(() => undefined);
      if (running) await endBy("power-off-timeout", "SIGTERM");
      return exited;
    },
    async cutPower() {
      if (running) ending.endedByTool ??= "power-cut";
      child.kill("SIGKILL");
      return exited;
    },
    async [Symbol.asyncDispose]() {
      await endBy("disposed", politely);
      await exited;
      await resources.disposeAsync();
    },
  };
}
