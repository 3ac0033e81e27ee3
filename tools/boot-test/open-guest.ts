import type { GuestShell } from "../cluster/guest-shell.ts";
import { openSsh } from "../cluster/open-ssh.ts";
import type { Context } from "../core/context.ts";
import type { Machine } from "../machine/machine.ts";
import { watchMachine } from "./watch-machine.ts";

/**
 * Waits until the guest's SSH server lets the run in. Throws what watchMachine and openSsh throw, WaitTimeoutError when the time is over among it.
 */
export async function openGuest(
  ctx: Context,
  machine: Machine,
  options: { timeoutMs: number; onSeen?: (seen: string) => void },
): Promise<GuestShell> {
  return watchMachine(ctx, machine, async (signal) =>
    openSsh(ctx, machine.ssh, {
      timeoutMs: options.timeoutMs,
      signal,
      ...(options.onSeen === undefined ? {} : { onSeen: options.onSeen }),
    }),
  );
}
