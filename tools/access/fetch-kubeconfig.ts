import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { openSsh } from "../cluster/open-ssh.ts";
import { KUBECONFIG_PATH } from "../cluster/parse-kubeconfig.ts";
import type { Context } from "../core/context.ts";
import { GuestError, UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import { cacheFolderOf } from "../host/read-host-state.ts";
import { planKubeconfig, planMergedKubeconfig } from "./plan-kubeconfig.ts";
import type { Target } from "./read-target.ts";

const CONNECT_TIMEOUT_MS = 20_000;
const API_PORT = 6443;

export interface KubeconfigOptions {
  readonly target: Target;
  /** Name of cluster, user and context; default: the target's. */
  readonly name: string | undefined;
  /** Address of the API server as this host reaches it; default: the device's port 6443, or the running machine's forwarded one. */
  readonly server: string | undefined;
  readonly output: string | undefined;
  /** Add to the user's own kubeconfig instead of writing a file of its own. */
  readonly merge: boolean;
}

function serverOf(options: KubeconfigOptions): string {
  const { target } = options;
  if (options.server !== undefined) return options.server;
  if (target.machine === undefined) {
    const host = target.ssh.host.includes(":") ? `[${target.ssh.host}]` : target.ssh.host;
    return `https://${host}:${API_PORT}`;
  }
  if (target.machine.apiUrl !== null) return target.machine.apiUrl;
  throw new UsageError(`no port of this host leads to the API server of ${target.name}`, {
    hint: "start it with ./meta-k3s demo --keep, or forward a port (ssh -L 6443:127.0.0.1:6443) and give --server https://127.0.0.1:6443",
  });
}

function userKubeconfig(ctx: Pick<Context, "env">): string {
  const first = (ctx.env["KUBECONFIG"] ?? "").split(":").find((path) => path !== "");
  return first ?? join(ctx.env["HOME"] ?? "/", ".kube/config");
}

/**
 * Copies a cluster's administrator kubeconfig from a machine or device over SSH into a file (0600), or into the user's own. Gives the file's path.
 * Throws GuestError when there is none to read, ConfigError when entries of another cluster are in the way.
 */
export async function fetchKubeconfig(
  ctx: Context,
  options: KubeconfigOptions,
): Promise<{ path: string; name: string; server: string }> {
  const { target } = options;
  const server = serverOf(options);
  const name = options.name ?? target.name;
  await using shell = await openSsh(ctx, target.ssh, { timeoutMs: CONNECT_TIMEOUT_MS });
  const result = await shell.run(`cat ${KUBECONFIG_PATH}`);
  if (result.status !== 0) {
    throw new GuestError(`${target.name} has no readable ${KUBECONFIG_PATH}: ${result.stderr.trim()}`, {
      code: "NO_KUBECONFIG",
      hint: "log in as root on a k3s server; agents have none",
    });
  }
  const planned = planKubeconfig(result.stdout, { name, server, where: `${target.name}:${KUBECONFIG_PATH}` });
  const own = join(cacheFolderOf(ctx.env), "kubeconfig", `${name}.yaml`);
  const path = options.merge ? userKubeconfig(ctx) : options.output === undefined ? own : resolve(ctx.cwd, options.output);
  const existing = await readFile(path, "utf8").catch(() => undefined);
  // A file of this tool's own is replaced; one that the user names may hold other clusters.
  const merged = existing === undefined || path === own ? planned : planMergedKubeconfig(existing, planned, path);
  await writeFileAtomic(path, merged, { mode: 0o600 });
  return { path, name, server };
}
