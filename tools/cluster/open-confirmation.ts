import type { Context } from "../core/context.ts";
import type { Expectations } from "./expectation.ts";
import { formatBlocker } from "./format-outcome.ts";
import type { GuestShell } from "./guest-shell.ts";
import { judgeLook } from "./judge-look.ts";
import { readCluster } from "./read-cluster.ts";

const RETRY_MS = 1000;
const TIMEOUT_MS = 120_000;

export interface ConfirmationOptions {
  readonly shell: Pick<GuestShell, "run">;
  readonly expectations: Expectations;
  readonly kubectl: string;
  readonly kubeconfigPath: string;
  readonly signal: AbortSignal;
  /** Called when an attempt has come to an end, with whatever result. */
  readonly onSettled: () => void;
}

/** The second witness: what the guest's own kubectl says while the watches say that all is Ready. */
export interface Confirmation {
  /** Starts an attempt for the period in which everything has held since `sinceMs`, unless one is under way or it is confirmed. */
  ask(sinceMs: number): void;
  /** Whether that very period was confirmed. A disturbance starts another, which has to be confirmed anew. */
  isOf(sinceMs: number): boolean;
  /** Why it is not confirmed yet. */
  readReason(): string;
}

/** Prepares the confirmation; attempts run one at a time. */
export function openConfirmation(ctx: Pick<Context, "clock" | "log">, options: ConfirmationOptions): Confirmation {
  let confirmed: number | undefined;
  let asking = false;
  let reason = "kubectl on the guest has not confirmed it yet";

  const look = async (): Promise<string | undefined> => {
    try {
      const snapshot = await readCluster(options.shell, { ...options, timeoutMs: TIMEOUT_MS });
      const [first] = judgeLook(options.expectations, snapshot);
      return first === undefined ? undefined : `kubectl on the guest sees it otherwise: ${formatBlocker(first)}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  const attempt = async (sinceMs: number): Promise<void> => {
    asking = true;
    const objection = await look();
    if (objection === undefined) confirmed = sinceMs;
    else if (!options.signal.aborted) {
      if (objection !== reason) ctx.log.info(objection);
      reason = objection;
      await ctx.clock.sleep(RETRY_MS, options.signal).catch(() => undefined);
    }
    asking = false;
    options.onSettled();
  };

  return {
    ask(sinceMs) {
      if (!asking && confirmed !== sinceMs) void attempt(sinceMs);
    },
    isOf: (sinceMs) => confirmed === sinceMs,
    readReason: () => reason,
  };
}
