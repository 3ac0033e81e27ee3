import { readFile } from "node:fs/promises";
import { openSsh } from "../cluster/open-ssh.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { tailOfOutput } from "../core/run-process.ts";
import type { Target } from "./read-target.ts";

const CONNECT_TIMEOUT_MS = 20_000;
const UNIT = /^[A-Za-z0-9@:_.*-]+$/u;

/** Last lines of a target's log: a systemd unit's journal, or the serial console of a machine that runs here. Throws UsageError, GuestError. */
export async function readLogs(
  ctx: Context,
  target: Target,
  options: { unit: string; lines: number; console: boolean },
): Promise<string> {
  if (options.console) {
    if (target.machine === undefined)
      throw new UsageError("a device's serial console cannot be read from here", { hint: "leave out --console" });
    return tailOfOutput(await readFile(target.machine.consolePath, "utf8"), options.lines);
  }
  if (!UNIT.test(options.unit)) throw new UsageError(`--unit takes a systemd unit, not "${options.unit}"`);
  await using shell = await openSsh(ctx, target.ssh, { timeoutMs: CONNECT_TIMEOUT_MS });
  const result = await shell.runCheck(`journalctl --no-pager -b -u '${options.unit}' -n ${Math.max(1, Math.round(options.lines))}`);
  return result.stdout.trimEnd();
}
