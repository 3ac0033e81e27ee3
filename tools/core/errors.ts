import { EXIT } from "./exit-codes.ts";

/**
 * The errors a user may meet. Each has a stable `code` (for scripts and tests), an exit code (docs/exit-codes.md) and, where one is
 * known, a `hint`: the next step. `tools/cli/run-cli.ts` alone prints them; everything else throws.
 */
export abstract class ToolError extends Error {
  abstract readonly code: string;
  abstract readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** The command line is wrong: unknown command, missing or contradictory arguments. */
export class UsageError extends ToolError {
  override readonly code = "USAGE";
  override readonly exitCode = EXIT.usage;
}

/** A file or value that the user gave is wrong. `problems` lists all that was found, not only the first. */
export class ConfigError extends ToolError {
  override readonly code = "CONFIG";
  override readonly exitCode = EXIT.usage;
  readonly problems: readonly string[];

  constructor(message: string, options: { problems?: readonly string[]; hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options);
    this.problems = options.problems ?? [];
  }
}

/** One thing the host lacks, and the command that repairs it (undefined where there is none). */
export interface FailedCheck {
  readonly name: string;
  readonly found: string;
  readonly repair: string | undefined;
}

/** The host cannot do what was asked: a package, memory, disk space, a port is missing. */
export class PreflightError extends ToolError {
  override readonly code = "PREFLIGHT";
  override readonly exitCode = EXIT.environment;
  readonly checks: readonly FailedCheck[];

  constructor(message: string, options: { checks?: readonly FailedCheck[]; hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options);
    this.checks = options.checks ?? [];
  }
}

/** A program that was run failed. `outputTail` holds the last lines it printed. */
export class CommandError extends ToolError {
  override readonly code = "COMMAND";
  override readonly exitCode = EXIT.command;
  readonly argv: readonly string[];
  readonly status: number | undefined;
  readonly signalName: string | undefined;
  readonly outputTail: string;

  constructor(
    message: string,
    options: {
      argv: readonly string[];
      status?: number | undefined;
      signalName?: string | undefined;
      outputTail?: string;
      hint?: string | undefined;
      cause?: unknown;
    },
  ) {
    super(message, options);
    this.argv = options.argv;
    this.status = options.status;
    this.signalName = options.signalName;
    this.outputTail = options.outputTail ?? "";
  }
}

/** A network transfer failed for good: refused, not found, checksum wrong, retries used up. */
export class DownloadError extends ToolError {
  override readonly code = "DOWNLOAD";
  override readonly exitCode = EXIT.command;
}

/** Something fetched is not what was pinned: a checksum differs. */
export class IntegrityError extends ToolError {
  override readonly code = "INTEGRITY";
  override readonly exitCode = EXIT.integrity;
}

/** A condition did not come about in time. `lastObservation` says what was seen last. */
export class WaitTimeoutError extends ToolError {
  override readonly code = "TIMEOUT";
  override readonly exitCode = EXIT.timeout;
  readonly condition: string;
  readonly waitedMs: number;
  readonly attempts: number;
  readonly lastObservation: string;

  constructor(options: {
    condition: string;
    waitedMs: number;
    attempts: number;
    lastObservation: string;
    hint?: string | undefined;
  }) {
    super(
      `gave up waiting for ${options.condition} after ${Math.round(options.waitedMs / 1000)} s: ${options.lastObservation}`,
      options,
    );
    this.condition = options.condition;
    this.waitedMs = options.waitedMs;
    this.attempts = options.attempts;
    this.lastObservation = options.lastObservation;
  }
}

/** The guest or the cluster in it failed: panic, early exit, OOM kill, a verdict that is not Ready. */
export class GuestError extends ToolError {
  override readonly code: string;
  override readonly exitCode = EXIT.guest;
  readonly consoleTail: string;

  constructor(message: string, options: { code?: string; consoleTail?: string; hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options);
    this.code = options.code ?? "GUEST";
    this.consoleTail = options.consoleTail ?? "";
  }
}

/** Files differ from what would be written (`generate --check`). */
export class DriftError extends ToolError {
  override readonly code = "DRIFT";
  override readonly exitCode = EXIT.drift;
  readonly files: readonly string[];

  constructor(message: string, options: { files: readonly string[]; hint?: string | undefined }) {
    super(message, options);
    this.files = options.files;
  }
}

/** The user (or the system) asked to stop: Ctrl-C, SIGTERM, a closed terminal. */
export class AbortedError extends ToolError {
  override readonly code = "ABORTED";
  override readonly exitCode = EXIT.aborted;

  constructor(message = "stopped on request", options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options);
  }
}
