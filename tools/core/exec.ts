import type { Env } from "./context.ts";

export interface RunOptions {
  readonly cwd?: string;
  /** Added to (or, with undefined, taken from) the context's environment. */
  readonly env?: Env;
  /** Text or bytes for standard input; without it the program reads from /dev/null. */
  readonly input?: string | Uint8Array;
  /** The program is ended (SIGTERM, then SIGKILL after 5 s) when this much time has passed. */
  readonly timeoutMs?: number;
  /** Called with each whole line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
  /** Ends the program in addition to the context's own signal. */
  readonly signal?: AbortSignal;
  /** Only `signal` ends the program: it is needed after the context was aborted too, which then throws nothing here. */
  readonly outlivesAbort?: boolean;
}

export interface RunResult {
  readonly argv: readonly string[];
  /** undefined when the program was ended by a signal or never started. */
  readonly status: number | undefined;
  readonly signalName: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** True when the program could not be found or started. */
  readonly notFound: boolean;
}

export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Env;
  /** Where stdout and stderr go, together. */
  readonly outputFile: string;
  /** Signal the kernel sends the child when this tool dies, however it dies. Default "KILL". */
  readonly deathSignal?: "KILL" | "TERM";
}

export interface ProcessExit {
  readonly status: number | undefined;
  readonly signalName: string | undefined;
}

/** A long-lived child. It dies with this tool even when the tool is killed with SIGKILL (PR_SET_PDEATHSIG, prctl(2)). */
export interface SpawnedProcess {
  readonly pid: number;
  readonly argv: readonly string[];
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal; no error when it has already ended. */
  kill(signalName: NodeJS.Signals): void;
}

/** Running other programs. The one place that does so is run-process.ts. */
export interface Exec {
  /** Runs to the end and tells how it went; a non-zero status is a result, not an error. Throws AbortedError when the context is aborted. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** As `run`, but a non-zero status, a signal, a time-out or a missing program throws CommandError. */
  runCheck(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Gives the terminal to a program until it ends, and gives its status. Throws CommandError when it cannot be started. */
  attach(argv: readonly string[], options?: { readonly env?: Env }): Promise<ProcessExit>;
  /** Starts a long-lived program. Throws CommandError when it cannot be started. */
  spawn(argv: readonly string[], options: SpawnOptions): Promise<SpawnedProcess>;
}
