import type { Clock } from "./clock.ts";
import type { Exec } from "./exec.ts";
import type { Logger } from "./logger.ts";

/** Environment variables, as given to the process. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Every effect a command may have, passed explicitly from `tools/cli` down. `signal` aborts on Ctrl-C, SIGTERM and SIGHUP; whoever holds
 * a resource gives it back when that happens.
 */
export interface Context {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Absolute folder that relative paths on the command line refer to. */
  readonly cwd: string;
  readonly env: Env;
}
