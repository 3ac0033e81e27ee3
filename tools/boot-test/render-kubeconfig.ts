import { parseDocument } from "yaml";
import { KUBECONFIG_PATH } from "../cluster/parse-kubeconfig.ts";
import { ConfigError } from "../core/errors.ts";

/**
 * A guest's kubeconfig as it serves the host: the same credentials, the API server at `server`. k3s's serving certificate names 127.0.0.1, so a
 * forwarded port on it is verified like the original. Throws ConfigError when the text names no cluster.
 */
export function renderHostKubeconfig(guestKubeconfig: string, server: string): string {
  const document = parseDocument(guestKubeconfig);
  const clusters: unknown = document.get("clusters");
  if (document.errors.length > 0 || clusters === undefined) {
    throw new ConfigError("the guest's kubeconfig names no cluster", { hint: `is ${KUBECONFIG_PATH} of the guest whole?` });
  }
  document.setIn(["clusters", 0, "cluster", "server"], server);
  return document.toString();
}
