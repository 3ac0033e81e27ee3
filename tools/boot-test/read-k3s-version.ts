import type { GuestShell } from "../cluster/guest-shell.ts";
import { GuestError } from "../core/errors.ts";

/** A shell that a dead guest no longer answers must not hold up the report. */
const VERSION_TIMEOUT_MS = 30_000;

/** First line of the guest's `k3s --version`; null where it does not answer or has no k3s. */
export async function readK3sVersion(shell: Pick<GuestShell, "run">): Promise<string | null> {
  const result = await shell.run("k3s --version", { timeoutMs: VERSION_TIMEOUT_MS }).catch((error: unknown) => {
    if (error instanceof GuestError) return undefined;
    throw error;
  });
  return result?.status === 0 ? (result.stdout.split("\n")[0] ?? null) : null;
}
