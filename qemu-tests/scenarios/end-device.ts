import { must } from "../../tools/scenario/check-error.ts";
import type { Guest } from "../../tools/scenario/scenario.ts";

const WAYS = { poweroff: "powered-off", reboot: "rebooted" } as const;

/** Asks a device for its orderly end, as a person does, and waits for it. Throws CheckError when it runs on or ends otherwise. */
export async function endDevice(guest: Guest, way: keyof typeof WAYS): Promise<void> {
  // The connection may go before the command's answer.
  await guest.shell.run(`systemctl ${way}`, { timeoutMs: 60_000 }).catch(() => undefined);
  const exit = await guest.ended({ timeoutMs: 300_000 });
  must(exit.reason === WAYS[way], `it ended otherwise: ${exit.reason} ${exit.detail}`);
}
