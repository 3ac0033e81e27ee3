import { connect, type Socket } from "node:net";
import type { Context } from "../core/context.ts";
import { AbortedError } from "../core/errors.ts";

/** A TCP connection on which an SSH server has begun to speak, or what was met instead. */
export type SshSocket =
  | { readonly outcome: "banner"; readonly socket: Socket }
  | { readonly outcome: "refused" | "no-banner" | "closed" | "not-ssh" | "unreachable"; readonly detail: string };

/** What begins an SSH server's identification (RFC 4253, section 4.2). Lines may come before it there; no server in use sends any. */
const BANNER = /(^|\n)SSH-(2\.0|1\.99)-/;
const LONGEST_PREAMBLE = 8192;

/**
 * Connects and waits for the server's identification without consuming it. QEMU's user network accepts a forwarded connection before
 * anything listens in the guest, so an accepted connection alone says nothing. The attempt ends when `signal` does. Never throws.
 */
export function openSshSocket(options: { host: string; port: number; signal: AbortSignal }): Promise<SshSocket> {
  const { host, port, signal } = options;
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true });
    let connected = false;
    const settle = (result: SshSocket): void => {
      signal.removeEventListener("abort", onAbort);
      socket.removeAllListeners();
      // A socket without an error listener would end the process when the peer resets it.
      socket.on("error", () => undefined);
      if (result.outcome !== "banner") socket.destroy();
      resolve(result);
    };
    const onAbort = (): void => {
      settle({
        outcome: "no-banner",
        detail: connected ? "connected, but no SSH server answers" : "the connection is not accepted",
      });
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => {
      connected = true;
    });
    let heard = Buffer.alloc(0);
    socket.on("readable", () => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        heard = Buffer.concat([heard, chunk]);
      }
      const text = heard.toString("latin1");
      if (BANNER.test(text)) {
        // Given back only now: each giving back is news to this listener.
        socket.unshift(heard);
        settle({ outcome: "banner", socket });
      } else if (heard.length > LONGEST_PREAMBLE || (text.includes("\n") && !text.startsWith("SSH-"))) {
        settle({ outcome: "not-ssh", detail: `what answers is no SSH server (it says ${JSON.stringify(text.slice(0, 40))})` });
      }
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") settle({ outcome: "refused", detail: "connection refused" });
      else if (error.code === "ECONNRESET")
        settle({ outcome: "closed", detail: "the connection was reset before any SSH server answered" });
      else settle({ outcome: "unreachable", detail: error.message });
    });
    socket.once("end", () => settle({ outcome: "closed", detail: "the connection was closed before any SSH server answered" }));
    socket.once("close", () => settle({ outcome: "closed", detail: "the connection was closed before any SSH server answered" }));
  });
}

interface Attempt {
  readonly controller: AbortController;
  readonly startedMs: number;
  followed: Promise<void>;
}

export interface SshSocketRace {
  readonly host: string;
  readonly port: number;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  /** Called with each distinct observation. */
  readonly onSeen: (seen: string) => void;
}

/**
 * Tries until an SSH server answers. Attempts overlap: one that was made before the guest's network was up may hang in QEMU's user network
 * for many seconds (its SYN is repeated at growing intervals), so newer ones run beside it, the oldest give way, and each lives longer as
 * time goes by, for servers that are slow to answer. Throws AbortedError when the context or `signal` is aborted first.
 */
export async function openFirstSshSocket(ctx: Pick<Context, "clock" | "signal">, race: SshSocketRace): Promise<Socket> {
  const atOnce = 6;
  const startMs = ctx.clock.monotonicMs();
  const pending = new Set<Attempt>();
  const over = new AbortController();
  const stop = AbortSignal.any([ctx.signal, race.signal]);
  const won = Promise.withResolvers<Socket>();
  let seen = "";

  const follow = async (attempt: Attempt): Promise<void> => {
    const result = await openSshSocket({ host: race.host, port: race.port, signal: attempt.controller.signal });
    pending.delete(attempt);
    if (result.outcome === "banner") {
      if (over.signal.aborted) result.socket.destroy();
      over.abort();
      won.resolve(result.socket);
    } else if (!over.signal.aborted && result.detail !== seen) {
      seen = result.detail;
      race.onSeen(seen);
    }
  };

  const start = (): void => {
    const attempt: Attempt = { controller: new AbortController(), startedMs: ctx.clock.monotonicMs(), followed: Promise.resolve() };
    pending.add(attempt);
    attempt.followed = follow(attempt);
  };

  const tick = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const nowMs = ctx.clock.monotonicMs();
      const lifetimeMs = Math.min(15_000, Math.max(3000, (nowMs - startMs) / 8));
      const oldest = [...pending][0];
      if (pending.size >= atOnce && oldest !== undefined && nowMs - oldest.startedMs >= lifetimeMs) oldest.controller.abort();
      if (pending.size < atOnce) start();
      await ctx.clock.sleep(race.intervalMs, stop);
    }
  };

  try {
    // The loop ends by itself once a socket has won; it rejects only when it was told to stop.
    return await Promise.race([won.promise, tick().then(() => won.promise)]);
  } catch (cause) {
    throw new AbortedError(undefined, { cause });
  } finally {
    const left = [...pending];
    for (const attempt of left) attempt.controller.abort();
    // What the last attempts met belongs to what was seen.
    await Promise.all(left.map((attempt) => attempt.followed));
    over.abort();
  }
}
