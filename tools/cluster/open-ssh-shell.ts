import { createServer, type Socket } from "node:net";
import type { ClientChannel } from "ssh2";
import { ConfigError, GuestError } from "../core/errors.ts";
import type { GuestAddress, GuestForward, GuestResult, GuestRunOptions, GuestShell, GuestStream } from "./guest-shell.ts";
import type { SshLogin } from "./open-ssh-login.ts";

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function lost(cause?: unknown): GuestError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new GuestError(`the SSH connection to the guest was lost${why}`, {
    code: "SSH_LOST",
    hint: "the guest rebooted, hangs or is out of memory: its console says more",
    cause,
  });
}

/** A shell over a connection that is logged in; it owns the connection. */
export function openSshShell(login: SshLogin): GuestShell {
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

  /**
   * Starts a command. Its end is listened for before this returns to anybody: a quick command's exit status comes in the same packet as the news
   * that it started, and ssh2 tells it once.
   */
  function exec(command: string, collect: boolean): Promise<{ channel: ClientChannel; ended: Promise<GuestResult> }> {
    return guarded((resolve, reject) => {
      client.exec(command, (error, channel) => {
        if (error === undefined) {
          resolve({ channel, ended: endOf(channel, collect) });
        } else {
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
    const { channel, ended } = await exec(command, true);
    ended.catch(() => undefined);
    channel.end(options.input === undefined ? undefined : Buffer.from(options.input));
    const { timeoutMs } = options;
    if (timeoutMs === undefined) return await ended;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      channel.signal("KILL");
      channel.close();
      late.reject(
        new GuestError(
          `a command on the guest did not end within ${Math.round(timeoutMs / 100) / 10} s: ${command.slice(0, 120)}`,
          {
            code: "GUEST_COMMAND_TIMEOUT",
            hint: "the guest is very slow or the command hangs: give it more time, or look at the guest's load and console",
          },
        ),
      );
    }, timeoutMs);
    try {
      return await Promise.race([ended, late.promise]);
    } finally {
      clearTimeout(timer);
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
    const { channel, ended } = await exec(command, false);
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
