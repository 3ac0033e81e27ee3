import { readFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { Client, type ClientChannel, type ConnectConfig } from "ssh2";
import type { Context } from "../core/context.ts";
import { AbortedError, ConfigError, GuestError, WaitTimeoutError } from "../core/errors.ts";
import type { SshEndpoint } from "../machine/machine.ts";
import type { GuestAddress, GuestForward, GuestResult, GuestRunOptions, GuestShell, GuestStream } from "./guest-shell.ts";
import { openFirstSshSocket } from "./open-ssh-socket.ts";

export interface SshOptions {
  /** Until the shell is there: TCP, key exchange and login. */
  readonly timeoutMs: number;
  /** Ends the attempts early: the machine is gone, so nobody will answer. */
  readonly signal?: AbortSignal;
  /** Called with each distinct reason why the connection is not there yet. */
  readonly onSeen?: (seen: string) => void;
}

/** A machine that runs here, or a device anywhere. */
export type SshAddress = Omit<SshEndpoint, "host"> & { readonly host: string };

type SshContext = Pick<Context, "clock" | "signal">;

const RETRY_MS = 250;
/** Key exchange and login under emulation, on a machine that is still booting, take seconds. */
const HANDSHAKE_MS = 60_000;
const KEEPALIVE_MS = 5000;
/** A guest that swaps or unpacks images may not answer for a while: twelve unanswered keepalives are a minute. */
const KEEPALIVES_LOST = 12;

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A host key as known_hosts writes it: the algorithm's name is the first string inside the key (RFC 4253, section 6.6). */
function formatHostKey(key: Buffer): string {
  const length = key.readUInt32BE(0);
  return `${key.subarray(4, 4 + length).toString("ascii")} ${key.toString("base64")}`;
}

function withoutComment(hostKey: string): string {
  return hostKey.trim().split(/\s+/).slice(0, 2).join(" ");
}

function lost(cause?: unknown): GuestError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new GuestError(`the SSH connection to the guest was lost${why}`, {
    code: "SSH_LOST",
    hint: "the guest rebooted, hangs or is out of memory: its console says more",
    cause,
  });
}

/** Ends a retry loop: this error will be the same next time. */
class FinalError {
  readonly error: Error;
  constructor(error: Error) {
    this.error = error;
  }
}

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

interface Login {
  readonly client: Client;
  readonly hostKey: string;
}

/** Key exchange and login over a socket on which the server has spoken. Wrong key and foreign host key are FinalError. */
function logIn(endpoint: SshAddress, privateKey: Buffer, sock: Socket, signal: AbortSignal): Promise<Login> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let hostKey = "";
    let mismatch = false;
    const config: ConnectConfig = {
      sock,
      username: endpoint.user,
      privateKey,
      readyTimeout: HANDSHAKE_MS,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_LOST,
      hostVerifier: (key: Buffer) => {
        hostKey = formatHostKey(key);
        mismatch = endpoint.hostKey !== undefined && withoutComment(endpoint.hostKey) !== hostKey;
        return !mismatch;
      },
    };
    const type = endpoint.hostKey?.trim().split(/\s+/)[0];
    // Ask for the kind of key that is pinned; a server has several and would otherwise choose by its own order.
    if (type !== undefined) {
      const serverHostKey = (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]) as NonNullable<
        ConnectConfig["algorithms"]
      >["serverHostKey"];
      config.algorithms = { serverHostKey: serverHostKey ?? [] };
    }
    const onAbort = (): void => {
      client.destroy();
      reject(new AbortedError());
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (act: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      act();
    };
    client.on("error", (error: Error & { level?: string }) => {
      client.destroy();
      settle(() => {
        if (mismatch) {
          reject(
            new FinalError(
              new GuestError(`the guest presents another host key than the one pinned for this run (${hostKey.slice(0, 60)}…)`, {
                code: "SSH_HOST_KEY",
                hint: "another machine answers at this port, or the image's host keys were made anew: give the key it has now",
              }),
            ),
          );
        } else if (error.level === "client-authentication") {
          reject(
            new FinalError(
              new GuestError(`the guest refuses the key ${endpoint.privateKeyPath} for user ${endpoint.user}`, {
                code: "SSH_AUTH",
                hint: `put its public half into ~${endpoint.user}/.ssh/authorized_keys of the image, or name the right key`,
                cause: error,
              }),
            ),
          );
        } else if (/no matching|host key|Handshake failed/i.test(error.message)) {
          const pinned = type === undefined ? "" : ` (the pinned host key is of type ${type})`;
          reject(
            new FinalError(
              new GuestError(`no agreement with the guest's SSH server: ${error.message}${pinned}`, {
                code: type === undefined ? "SSH_PROTOCOL" : "SSH_HOST_KEY",
                hint: "the server offers none of the algorithms asked for, or not the kind of host key that is pinned",
                cause: error,
              }),
            ),
          );
        } else reject(error);
      });
    });
    client.once("close", () => settle(() => reject(new Error("the SSH server closed the connection during login"))));
    client.once("ready", () => settle(() => resolve({ client, hostKey })));
    client.connect(config);
  });
}

function openShell(login: Login): GuestShell {
  const { client, hostKey } = login;
  const closing = Promise.withResolvers<void>();
  const losing = new Set<(cause: unknown) => void>();
  const forwards = new Set<GuestForward>();
  let lastError: unknown;
  let isClosed = false;

  client.removeAllListeners("error");
  client.on("error", (error) => {
    lastError = error;
  });
  client.once("close", () => {
    isClosed = true;
    for (const reject of losing) reject(lost(lastError));
    losing.clear();
    closing.resolve();
  });

  /** Runs `act`, whose promise rejects with SSH_LOST should the connection end first. */
  function guarded<T>(act: (resolve: (value: T) => void, reject: (cause: unknown) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (isClosed) {
        reject(lost(lastError));
        return;
      }
      losing.add(reject);
      const done = (): boolean => losing.delete(reject);
      act(
        (value) => {
          done();
          resolve(value);
        },
        (cause) => {
          done();
          reject(cause);
        },
      );
    });
  }

  function exec(command: string): Promise<ClientChannel> {
    return guarded((resolve, reject) => {
      client.exec(command, (error, channel) => {
        if (error === undefined) resolve(channel);
        else {
          reject(
            new GuestError(`the guest's SSH server starts no command: ${error.message}`, { code: "SSH_SESSION", cause: error }),
          );
        }
      });
    });
  }

  /** How the command on a channel ends; stdout is left to the caller unless it is to be collected. */
  function endOf(channel: ClientChannel, collect: boolean): Promise<GuestResult> {
    return guarded((resolve, reject) => {
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      let exit: { status: number | undefined; signalName: string | undefined } | undefined;
      if (collect) channel.on("data", (chunk: Buffer) => out.push(chunk));
      channel.stderr.on("data", (chunk: Buffer) => err.push(chunk));
      channel.on("exit", (status: number | null, signalName?: string) => {
        exit = { status: status ?? undefined, signalName };
      });
      channel.once("error", reject);
      channel.once("close", () => {
        if (exit === undefined) {
          // Without an exit status the other side went away in the middle of things; `close` of the connection is about to follow.
          reject(lost(lastError));
          return;
        }
        resolve({ ...exit, stdout: Buffer.concat(out).toString("utf8"), stderr: Buffer.concat(err).toString("utf8") });
      });
    });
  }

  async function run(command: string, options: GuestRunOptions = {}): Promise<GuestResult> {
    const channel = await exec(command);
    const ended = endOf(channel, true);
    channel.end(options.input === undefined ? undefined : Buffer.from(options.input));
    if (options.timeoutMs === undefined) return await ended;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      channel.signal("KILL");
      channel.close();
      late.reject(
        new GuestError(`a command on the guest did not end within ${options.timeoutMs} ms: ${command.slice(0, 120)}`, {
          code: "GUEST_COMMAND_TIMEOUT",
          hint: "the guest is very slow or the command hangs: give it more time, or look at the guest's load and console",
        }),
      );
    }, options.timeoutMs);
    try {
      return await Promise.race([ended, late.promise]);
    } finally {
      clearTimeout(timer);
      ended.catch(() => undefined);
    }
  }

  async function runCheck(command: string, options: GuestRunOptions = {}): Promise<GuestResult> {
    const result = await run(command, options);
    if (result.status === 0) return result;
    const how = result.signalName === undefined ? `exit status ${result.status}` : `signal ${result.signalName}`;
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-500);
    throw new GuestError(`a command on the guest failed with ${how}: ${command.slice(0, 120)}${said === "" ? "" : `: ${said}`}`, {
      code: "GUEST_COMMAND",
    });
  }

  async function stream(command: string): Promise<GuestStream> {
    const channel = await exec(command);
    const ended = endOf(channel, false);
    ended.catch(() => undefined);
    return {
      // A reader that stops early must not destroy the channel: ssh2 would never tell that it closed.
      stdout: channel.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>,
      ended,
      [Symbol.asyncDispose]: async () => {
        if (!isClosed) {
          channel.signal("TERM");
          channel.close();
          channel.resume();
        }
        await ended.catch(() => undefined);
      },
    };
  }

  async function writeFile(path: string, content: string | Uint8Array, options: { mode: number }): Promise<void> {
    const part = quote(`${path}.part`);
    const mode = options.mode.toString(8).padStart(4, "0");
    await runCheck(
      `umask 077 && rm -f ${part} && : >${part} && chmod ${mode} ${part} && cat >${part} && mv -f ${part} ${quote(path)} || { rm -f ${part}; exit 1; }`,
      { input: content },
    );
  }

  function connect(address: GuestAddress): Promise<ClientChannel> {
    return guarded((resolve, reject) => {
      client.forwardOut("127.0.0.1", 0, address.host, address.port, (error, channel) => {
        if (error === undefined) {
          resolve(channel);
          return;
        }
        const where = `${address.host}:${address.port}`;
        // Reason codes of RFC 4254, section 5.1: 1 is "administratively prohibited", 2 "connect failed".
        const prohibited = (error as { reason?: unknown }).reason === 1;
        reject(
          new GuestError(
            prohibited
              ? `the guest's SSH server forbids forwarding to ${where}`
              : `nothing accepts connections at ${where} in the guest: ${error.message}`,
            {
              code: prohibited ? "SSH_FORWARD_REFUSED" : "GUEST_PORT_CLOSED",
              hint: prohibited
                ? "set `AllowTcpForwarding yes` in the guest's sshd_config (dropbear: do not start it with -j)"
                : undefined,
              cause: error,
            },
          ),
        );
      });
    });
  }

  async function join(socket: Socket, address: GuestAddress): Promise<void> {
    try {
      const channel = await connect(address);
      channel.on("error", () => socket.destroy());
      channel.once("close", () => socket.destroy());
      socket.once("close", () => channel.close());
      socket.pipe(channel).pipe(socket);
    } catch {
      // Whoever connected learns it as from any port that nobody serves: the connection ends.
      socket.destroy();
    }
  }

  async function forward(address: GuestAddress, options: { localPort?: number } = {}): Promise<GuestForward> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => sockets.delete(socket));
      void join(socket, address);
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.once("error", (cause) => {
        reject(new ConfigError(`cannot listen on 127.0.0.1:${options.localPort ?? 0}: ${cause.message}`, { cause }));
      });
      server.listen({ host: "127.0.0.1", port: options.localPort ?? 0 }, () => {
        const bound = server.address();
        resolve(bound !== null && typeof bound === "object" ? bound.port : 0);
      });
    });
    const handle: GuestForward = {
      port,
      [Symbol.asyncDispose]: async () => {
        forwards.delete(handle);
        for (const socket of sockets) socket.destroy();
        await new Promise<void>((resolve) => {
          server.close(() => resolve());
        });
      },
    };
    forwards.add(handle);
    return handle;
  }

  return {
    run,
    runCheck,
    stream,
    writeFile,
    connect,
    forward,
    hostKey,
    closed: closing.promise,
    [Symbol.asyncDispose]: async () => {
      for (const handle of forwards) await handle[Symbol.asyncDispose]();
      if (isClosed) return;
      client.end();
      // A guest that hangs never answers the goodbye.
      const timer = setTimeout(() => client.destroy(), 2000);
      await closing.promise;
      clearTimeout(timer);
    },
  };
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
        return openShell(await logIn(endpoint, privateKey, socket, stop));
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
