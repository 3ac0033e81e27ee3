import type { Duplex } from "node:stream";

/** How a command in the guest ended. */
export interface GuestResult {
  /** undefined when a signal ended it. */
  readonly status: number | undefined;
  readonly signalName: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GuestRunOptions {
  /** The command is ended, and GuestError GUEST_COMMAND_TIMEOUT thrown, when this much time has passed. */
  readonly timeoutMs?: number;
  /** Text or bytes for standard input; without it the command reads end of file. */
  readonly input?: string | Uint8Array;
}

/** A long-running command in the guest whose output is read as it comes. Disposing it ends the command. */
export interface GuestStream extends AsyncDisposable {
  /** stdout in chunks; ends when the command or the connection ends. Has to be read, or the command comes to a stop. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** How it ended, with stderr (stdout stays empty). Rejects with GuestError SSH_LOST when the connection was lost first. */
  readonly ended: Promise<GuestResult>;
}

/** An address as seen from inside the guest. */
export interface GuestAddress {
  readonly host: string;
  readonly port: number;
}

/** A port on the host's 127.0.0.1 whose connections end at an address in the guest. Disposing it closes the port and its connections. */
export interface GuestForward extends AsyncDisposable {
  readonly port: number;
}

/**
 * Commands in a guest or device over one SSH connection. `run` returns the status, `runCheck` throws GuestError unless it is 0 (labgrid's two names).
 * A lost connection rejects what is under way with GuestError code SSH_LOST.
 */
export interface GuestShell extends AsyncDisposable {
  run(command: string, options?: GuestRunOptions): Promise<GuestResult>;
  runCheck(command: string, options?: GuestRunOptions): Promise<GuestResult>;
  stream(command: string): Promise<GuestStream>;
  /** Writes a file in the guest whole or not at all, mode given before content. Its folder has to exist. */
  writeFile(path: string, content: string | Uint8Array, options: { mode: number }): Promise<void>;
  /**
   * A TCP connection that starts inside the guest. Throws GuestError GUEST_PORT_CLOSED when nothing accepts it there, SSH_FORWARD_REFUSED
   * when the SSH server forbids forwarding.
   */
  connect(address: GuestAddress): Promise<Duplex>;
  /** Listens on 127.0.0.1 of the host (a free port unless given) and connects whoever comes to `address` in the guest. */
  forward(address: GuestAddress, options?: { localPort?: number }): Promise<GuestForward>;
  /** The host key that the guest presented: "ssh-ed25519 AAAA…". */
  readonly hostKey: string;
  /** Resolves when the connection has ended, by `dispose` or by loss. */
  readonly closed: Promise<void>;
}
