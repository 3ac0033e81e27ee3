import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context, Env } from "../core/context.ts";
import { AbortedError } from "../core/errors.ts";
import type { ProcessExit, SpawnedProcess } from "../core/exec.ts";
import { isStopForgotten } from "./judge-interrupt.ts";
import { parseBitBakeEvent } from "./parse-bitbake-event.ts";
import type { BitBakeEvent } from "./parse-bitbake-event.ts";
import { replaceEnvironment } from "./read-build-environment.ts";
import { isServerThere, waitBitBakeServer } from "./wait-bitbake-server.ts";

const FOLLOWER = fileURLToPath(new URL("follow-bitbake-events.py", import.meta.url));
/** The follower ends with BitBake; this long after it, it is ended. */
const FOLLOWER_GRACE_MS = 10_000;

export interface BitBakeOptions {
  /** BitBake's TOPDIR. */
  readonly buildFolder: string;
  /** Folder of bitbake's clone. */
  readonly bitbakeFolder: string;
  readonly environment: Env;
  /** What follows `bitbake` on its command line. */
  readonly arguments: readonly string[];
  /** Gets BitBake's own output and its event log; made when missing. */
  readonly logFolder: string;
  readonly onEvent: (event: BitBakeEvent) => void;
}

export interface BitBakeLogs {
  /** Everything that BitBake printed. */
  readonly outputPath: string;
  /** BitBake's event log. */
  readonly eventPath: string;
}

export function planBitBakeLogs(logFolder: string): BitBakeLogs {
  return { outputPath: join(logFolder, "bitbake.log"), eventPath: join(logFolder, "events.json") };
}

interface Interrupts {
  /** Tells of an event; asks again where BitBake forgot that it was asked to stop. */
  see(event: BitBakeEvent): void;
  /** Takes the listeners away. */
  forget(): void;
}

/**
 * Interrupts a client as its user would: once, and BitBake lets the tasks under way end; once more when the user insists (a second Ctrl-C or a
 * SIGTERM), and BitBake stops them.
 */
function forwardInterrupts(ctx: Context, client: SpawnedProcess): Interrupts {
  let askedAtMs: number | undefined;
  const ask = (): void => {
    askedAtMs = ctx.clock.nowMs();
    client.kill("SIGINT");
  };
  const insist = (): void => {
    ctx.log.info("stopping the tasks that are under way");
    ask();
  };
  const interrupt = (): void => {
    ctx.log.info("asked BitBake to stop; tasks under way are finished first (interrupt again to stop them too)");
    ask();
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, insist);
  };
  if (ctx.signal.aborted) interrupt();
  else ctx.signal.addEventListener("abort", interrupt, { once: true });
  return {
    see(event) {
      if (askedAtMs === undefined || !isStopForgotten(event, { askedAtMs, nowMs: ctx.clock.nowMs() })) return;
      ctx.log.info("BitBake goes on all the same; asking again");
      ask();
    },
    forget() {
      ctx.signal.removeEventListener("abort", interrupt);
      for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, insist);
    },
  };
}

async function followEvents(ctx: Context, options: BitBakeOptions, client: SpawnedProcess, interrupts: Interrupts): Promise<void> {
  const { eventPath } = planBitBakeLogs(options.logFolder);
  const late = new AbortController();
  const timer = client.exited.then(() => ctx.clock.sleep(FOLLOWER_GRACE_MS, late.signal)).catch(() => undefined);
  const stop = new AbortController();
  void timer.then(() => stop.abort());
  // A session of its own: a Ctrl-C of the terminal is not for it, because what BitBake does about it is to be seen.
  const argv = ["setsid", "/usr/bin/python3", FOLLOWER, join(options.bitbakeFolder, "lib"), eventPath, String(client.pid)];
  await ctx.exec.run(argv, {
    signal: stop.signal,
    outlivesAbort: true,
    onLine: (line) => {
      const event = parseBitBakeEvent(line);
      if (event === undefined) {
        ctx.log.debug(line);
        return;
      }
      interrupts.see(event);
      options.onEvent(event);
    },
  });
  late.abort();
}

/**
 * Runs BitBake to its end in a session of its own, so that a Ctrl-C of the terminal reaches it only through this tool, and tells its events as they
 * come. Its server is gone when this returns, and so are its locks. Should this tool be killed, the client is ended by the kernel and the
 * server ends itself half a minute later. Throws AbortedError when the context was aborted, after BitBake has stopped.
 */
export async function runBitBake(ctx: Context, options: BitBakeOptions): Promise<ProcessExit> {
  const { outputPath, eventPath } = planBitBakeLogs(options.logFolder);
  await mkdir(options.logFolder, { recursive: true });
  const hadServer = await isServerThere(options.buildFolder);
  const argv = ["setsid", join(options.bitbakeFolder, "bin/bitbake"), "-w", eventPath, ...options.arguments];
  const client = await ctx.exec.spawn(argv, {
    cwd: options.buildFolder,
    env: replaceEnvironment(ctx.env, { ...options.environment, BB_SERVER_TIMEOUT: "0" }),
    outputFile: outputPath,
    deathSignal: "TERM",
  });
  const interrupts = forwardInterrupts(ctx, client);
  try {
    const [exit] = await Promise.all([client.exited, followEvents(ctx, options, client, interrupts)]);
    if (!hadServer) await waitBitBakeServer(ctx, options.buildFolder);
    if (ctx.signal.aborted)
      throw new AbortedError("the build was stopped; what is finished is kept, and the next build goes on from there");
    return exit;
  } finally {
    interrupts.forget();
  }
}
