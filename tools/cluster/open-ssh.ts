import { readFile } from "node:fs/promises";
import type { Context } from "../core/context.ts";
import { AbortedError, ConfigError, WaitTimeoutError } from "../core/errors.ts";
import type { GuestShell } from "./guest-shell.ts";
import { FinalError, openSshLogin, type SshAddress } from "./open-ssh-login.ts";
import { openSshShell } from "./open-ssh-shell.ts";
import { openFirstSshSocket } from "./open-ssh-socket.ts";

export interface SshOptions {
  /** Until the shell is there: TCP, key exchange and login. */
  readonly timeoutMs: number;
  /** Ends the attempts early: the machine is gone, so nobody will answer. */
  readonly signal?: AbortSignal;
  /** Called with each distinct reason why the connection is not there yet. */
  readonly onSeen?: (seen: string) => void;
}

type SshContext = Pick<Context, "clock" | "signal">;

const RETRY_MS = 250;

async function readPrivateKey(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new ConfigError(`cannot read the SSH key ${path}`, {
      hint: "name the OpenSSH private key that the guest's root accepts",
      cause,
    });
  }
}

/**
 * Connects to a guest's SSH server, trying until it answers or the time is up. A refused key (GuestError SSH_AUTH), a foreign host key
 * (SSH_HOST_KEY) and a server that is none (SSH_PROTOCOL) end it at once; a server that is not there yet does not. Without a pinned host
 * key the first one seen is pinned for this connection and returned (`hostKey`), for whoever connects again. Throws WaitTimeoutError with
 * what was seen last, ConfigError when the key file cannot be read, AbortedError.
 */
export async function openSsh(ctx: SshContext, endpoint: SshAddress, options: SshOptions): Promise<GuestShell> {
  const privateKey = await readPrivateKey(endpoint.privateKeyPath);
  const startMs = ctx.clock.monotonicMs();
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.timeoutMs);
  const stop = AbortSignal.any([ctx.signal, deadline.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  let lastSeen = "nothing was seen";
  let attempts = 0;
  const onSeen = (seen: string): void => {
    if (seen !== lastSeen) options.onSeen?.(seen);
    lastSeen = seen;
  };
  try {
    for (;;) {
      attempts += 1;
      const socket = await openFirstSshSocket(ctx, {
        host: endpoint.host,
        port: endpoint.port,
        retryMs: RETRY_MS,
        signal: stop,
        onSeen,
      });
      try {
        return openSshShell(await openSshLogin(endpoint, privateKey, socket, stop));
      } catch (error) {
        socket.destroy();
        if (error instanceof FinalError) throw error.error;
        if (error instanceof AbortedError) throw error;
        onSeen(error instanceof Error ? error.message : String(error));
        await ctx.clock.sleep(RETRY_MS, stop);
      }
    }
  } catch (error) {
    if (!stop.aborted) throw error;
    if (ctx.signal.aborted || options.signal?.aborted === true) throw new AbortedError(undefined, { cause: error });
    throw new WaitTimeoutError({
      condition: `the guest's SSH server at ${endpoint.host}:${endpoint.port}`,
      waitedMs: ctx.clock.monotonicMs() - startMs,
      attempts,
      lastObservation: lastSeen,
      hint: "look at the guest's console: does it boot, does sshd start, has it an address?",
    });
  } finally {
    clearTimeout(timer);
  }
}
