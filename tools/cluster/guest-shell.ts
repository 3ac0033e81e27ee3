/** How a command in the guest ended. */
export interface GuestResult {
  readonly status: number | undefined;
  readonly signalName: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GuestRunOptions {
  readonly timeoutMs?: number;
  readonly input?: string | Uint8Array;
}

/** A long-running command in the guest whose output is read as it comes. */
export interface GuestStream extends AsyncDisposable {
  /** stdout in chunks; ends when the command or the connection ends. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly ended: Promise<GuestResult>;
}

/**
 * Commands in a guest or device over one SSH connection. `run` returns the status, `runCheck` throws GuestError unless it is 0 (labgrid's two names).
 * A lost connection rejects what is under way with GuestError code SSH_LOST.
 */
export interface GuestShell extends AsyncDisposable {
  run(command: string, options?: GuestRunOptions): Promise<GuestResult>;
  runCheck(command: string, options?: GuestRunOptions): Promise<GuestResult>;
  stream(command: string): Promise<GuestStream>;
  /** Writes a file in the guest, mode given before content. */
  writeFile(path: string, content: string | Uint8Array, options: { mode: number }): Promise<void>;
  readonly closed: Promise<void>;
}
