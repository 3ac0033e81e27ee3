import { openRunningRecord } from "../access/open-running-record.ts";
import type { GuestShell } from "../cluster/guest-shell.ts";
import type { Context } from "../core/context.ts";
import type { Machine } from "../machine/machine.ts";
import { openHostAccess } from "./open-host-access.ts";
import { waitUntilStopped } from "./wait-until-stopped.ts";

/** Leaves a guest running until Ctrl-C, `stop` or its own end, with the API server reachable and the machine known to ssh, logs and kubeconfig. */
export async function waitKeptGuest(
  ctx: Context,
  guest: { machine: Machine; shell: GuestShell; runFolder: string },
): Promise<void> {
  const { machine, shell } = guest;
  await using access = await openHostAccess(guest);
  await using _record = await openRunningRecord(ctx, { machine, hostKey: shell.hostKey, apiUrl: access.apiUrl });
  ctx.log.info(`shell:   ${access.sshCommand}`);
  ctx.log.info(`kubectl: kubectl --kubeconfig ${access.kubeconfigPath} get pods -A`);
  ctx.log.info("or, from another terminal: ./meta-k3s ssh, logs, kubeconfig, stop");
  ctx.log.info("the machine runs until Ctrl-C");
  await waitUntilStopped(ctx, machine);
}
