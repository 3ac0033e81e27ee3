import type { Target } from "./read-target.ts";

/** The OpenSSH client's command line for a target. `knownHostsPath` holds the key that a machine's own run has seen. */
export function planSshArgv(
  target: Target,
  options: { knownHostsPath: string | undefined; command: readonly string[] },
): readonly string[] {
  const { host, port, user, privateKeyPath } = target.ssh;
  const hostKey =
    options.knownHostsPath === undefined
      ? []
      : ["-o", `UserKnownHostsFile=${options.knownHostsPath}`, "-o", "StrictHostKeyChecking=yes"];
  return [
    "ssh",
    "-i",
    privateKeyPath,
    "-o",
    "IdentitiesOnly=yes",
    ...hostKey,
    "-p",
    String(port),
    `${user}@${host}`,
    ...options.command,
  ];
}
