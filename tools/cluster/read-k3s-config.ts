import type { GuestShell } from "./guest-shell.ts";
import { type K3sConfigFiles, parseK3sConfigDump } from "./parse-k3s-config.ts";

/**
 * Reads how k3s is configured on the guest: /etc/rancher/k3s/config.yaml and config.yaml.d, the unit's command line (systemd), the names in
 * server/manifests. Files that are not there are left out. Throws GuestError.
 */
export async function readK3sConfig(shell: Pick<GuestShell, "runCheck">): Promise<K3sConfigFiles> {
  const script = [
    "for f in /etc/rancher/k3s/config.yaml /etc/rancher/k3s/config.yaml.d/*; do",
    '[ -f "$f" ] || continue; echo "@file $f"; cat "$f"; echo; done',
    "echo @args",
    "command -v systemctl >/dev/null 2>&1 && systemctl show k3s.service -p ExecStart 2>/dev/null",
    "echo @manifests",
    "ls -1 /var/lib/rancher/k3s/server/manifests 2>/dev/null",
    "true",
  ].join("\n");
  return parseK3sConfigDump((await shell.runCheck(script, { timeoutMs: 60_000 })).stdout);
}
