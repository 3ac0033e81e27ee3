import { GuestError } from "../core/errors.ts";
import type { GuestShell } from "./guest-shell.ts";
import { parseGuestSecrets } from "./parse-guest-secrets.ts";

/** Where k3s and this layer's k3s-agent keep tokens and passwords, a datastore's among them. */
const SCRIPT = [
  "cd /var/lib/rancher/k3s 2>/dev/null && cat server/token server/agent-token server/cred/passwd 2>/dev/null",
  "cat /etc/rancher/node/password /etc/rancher/k3s/*token* /etc/rancher/k3s/agent.env 2>/dev/null",
  "grep -hsE '^[[:space:]]*((agent-)?token|datastore-endpoint):' /etc/rancher/k3s/config.yaml /etc/rancher/k3s/config.yaml.d/*",
  "grep -hsE '^K3S_(DATASTORE_ENDPOINT|(AGENT_)?TOKEN)=' /etc/default/k3s /etc/sysconfig/k3s /etc/systemd/system/k3s.service.env",
  "true",
].join("\n");

/** The secrets of the guest's k3s, to be kept out of what leaves it. A guest that no longer answers has none to tell: that is no error. */
export async function readGuestSecrets(shell: Pick<GuestShell, "run">): Promise<readonly string[]> {
  try {
    return parseGuestSecrets((await shell.run(SCRIPT, { timeoutMs: 30_000 })).stdout);
  } catch (error) {
    if (error instanceof GuestError) return [];
    throw error;
  }
}
