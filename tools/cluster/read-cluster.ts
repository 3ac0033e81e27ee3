import { GuestError } from "../core/errors.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import type { GuestShell } from "./guest-shell.ts";
import { parseKubectlList } from "./parse-kubectl.ts";

/** What `readCluster` runs in the guest. */
export function formatKubectlGet(options: { kubectl: string; kubeconfigPath: string }): string {
  const kinds = "nodes,pods,deployments.apps,daemonsets.apps,statefulsets.apps,replicasets.apps,jobs.batch";
  return `KUBECONFIG='${options.kubeconfigPath}' ${options.kubectl} get ${kinds} -A -o json`;
}

/**
 * One full list of everything judged, by the guest's own kubectl: what a person on the device would see, through the binaries that ship.
 * Throws GuestError KUBECTL when kubectl fails, KUBE_OUTPUT when it prints something else, SSH_LOST.
 */
export async function readCluster(
  shell: Pick<GuestShell, "run">,
  options: { kubectl: string; kubeconfigPath: string; timeoutMs: number },
): Promise<ClusterSnapshot> {
  const result = await shell.run(formatKubectlGet(options), { timeoutMs: options.timeoutMs });
  if (result.status === 0) return parseKubectlList(result.stdout);
  throw new GuestError(`kubectl on the guest fails: ${result.stderr.trim().slice(-300) || `exit status ${result.status}`}`, {
    code: "KUBECTL",
    hint: `on the guest: ${options.kubectl} get pods -A`,
  });
}
