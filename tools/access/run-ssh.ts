import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../core/context.ts";
import { planSshArgv } from "./plan-ssh-argv.ts";
import type { Target } from "./read-target.ts";

/** Gives the terminal to OpenSSH's client on a machine or device; gives the remote command's status. */
export async function runSsh(ctx: Context, target: Target, command: readonly string[]): Promise<number> {
  const { host, port, hostKey } = target.ssh;
  const folder = await mkdtemp(join(ctx.env["TMPDIR"] ?? tmpdir(), "meta-k3s-ssh-"));
  try {
    const knownHostsPath = hostKey === undefined ? undefined : join(folder, "known_hosts");
    if (knownHostsPath !== undefined) await writeFile(knownHostsPath, `[${host}]:${port} ${hostKey}\n`, { mode: 0o600 });
    const exit = await ctx.exec.attach(planSshArgv(target, { knownHostsPath, command }));
    return exit.status ?? 255;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
