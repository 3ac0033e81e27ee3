import { join } from "node:path";
import type { GuestShell } from "../cluster/guest-shell.ts";
import { KUBECONFIG_PATH } from "../cluster/parse-kubeconfig.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import type { Machine } from "../machine/machine.ts";
import { renderHostKubeconfig } from "./render-kubeconfig.ts";

/** How a person on the host reaches a running guest. */
export interface HostAccess extends AsyncDisposable {
  /** A line to paste. */
  readonly sshCommand: string;
  /** Works with `kubectl --kubeconfig` for as long as the guest runs. */
  readonly kubeconfigPath: string;
  /** The API server, as this host reaches it. */
  readonly apiUrl: string;
}

/**
 * Opens a port on 127.0.0.1 to the guest's API server and writes a kubeconfig (0600) and a known_hosts beside the run's report. Throws GuestError and
 * ConfigError when the guest has no usable kubeconfig.
 */
export async function openHostAccess(guest: { machine: Machine; shell: GuestShell; runFolder: string }): Promise<HostAccess> {
  const { machine, shell, runFolder } = guest;
  const kubeconfig = (await shell.runCheck(`cat ${KUBECONFIG_PATH}`)).stdout;
  const forward = await shell.forward({ host: "127.0.0.1", port: 6443 });
  const apiUrl = `https://127.0.0.1:${forward.port}`;
  const kubeconfigPath = join(runFolder, "kubeconfig");
  const knownHostsPath = join(runFolder, "known_hosts");
  await writeFileAtomic(kubeconfigPath, renderHostKubeconfig(kubeconfig, apiUrl), { mode: 0o600 });
  await writeFileAtomic(knownHostsPath, `[127.0.0.1]:${machine.ssh.port} ${shell.hostKey}\n`, { mode: 0o600 });
  const { port, user, privateKeyPath } = machine.ssh;
  return {
    sshCommand: `ssh -i ${privateKeyPath} -o IdentitiesOnly=yes -o UserKnownHostsFile=${knownHostsPath} -p ${port} ${user}@127.0.0.1`,
    kubeconfigPath,
    apiUrl,
    [Symbol.asyncDispose]: () => forward[Symbol.asyncDispose](),
  };
}
