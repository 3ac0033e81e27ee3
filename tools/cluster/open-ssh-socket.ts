import { connect, type Socket } from "node:net";
import type { Context } from "../core/context.ts";
import { AbortedError } from "../core/errors.ts";

/** A TCP connection on which an SSH server has begun to speak, or what was met instead. */
export type SshSocket =
  | { readonly outcome: "banner"; readonly socket: Socket }
  | { readonly outcome: "refused" | "no-banner" | "closed" | "not-ssh" | "unreachable"; readonly detail: string };

/** What begins an SSH server's identification (RFC 4253, section 4.2). Lines may come before it there; no server in use sends any. */
const BANNER = /(^|\n)SSH-(2\.0|1\.99)-/;
/** What OpenSSH says instead when it refuses for the time being: penalties for the source address, too many half-open logins (sshd.c). */
const TURNED_AWAY = /^(Not allowed at this time|Exceeded MaxStartups)/;
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
      } else if (TURNED_AWAY.test(text)) {
        settle({ outcome: "closed", detail: `the SSH server turns connections away for now (it says "${text.trim()}")` });
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

export interface SshSocketRace {
  readonly host: string;
  readonly port: number;
  /** Pause after an attempt that failed. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
  /** Called with each distinct observation. */
  readonly onSeen: (seen: string) => void;
}

/**
 * How long an attempt waits for the server's first words, for each of the attempts that run side by side. Impatience finds a server that has
 * just come up: an attempt from before may hang in QEMU's user network, which repeats its SYN at growing intervals. Patience reaches a
 * server that needs seconds to answer because its machine is busy. Only one impatient attempt, as each costs the guest a process.
 */
const LIFETIMES_MS = [2000, 12_000, 40_000] as const;

/** Tries until an SSH server answers. Throws AbortedError when the context or `signal` is aborted first. */
export async function openFirstSshSocket(ctx: Pick<Context, "clock" | "signal">, race: SshSocketRace): Promise<Socket> {
  const over = new AbortController();
  const stop = AbortSignal.any([ctx.signal, race.signal, over.signal]);
  let winner: Socket | undefined;
  let seen = "";

  const tryWithin = async (lifetimeMs: number): Promise<void> => {
    const attempt = new AbortController();
    const timer = setTimeout(() => attempt.abort(), lifetimeMs);
    const result = await openSshSocket({ host: race.host, port: race.port, signal: AbortSignal.any([stop, attempt.signal]) });
    clearTimeout(timer);
    if (result.outcome === "banner") {
      if (winner === undefined) winner = result.socket;
      else result.socket.destroy();
      over.abort();
    } else if (!over.signal.aborted && result.detail !== seen) {
      seen = result.detail;
      race.onSeen(seen);
    }
  };
  const keepTrying = async (lifetimeMs: number): Promise<void> => {
    while (!stop.aborted) {
      await tryWithin(lifetimeMs);
      await ctx.clock.sleep(race.retryMs, stop).catch(() => undefined);
    }
  };
  await Promise.all(LIFETIMES_MS.map(keepTrying));
  if (winner === undefined) throw new AbortedError();
  return winner;
}
