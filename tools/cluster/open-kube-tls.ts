import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import type { GuestShell } from "./guest-shell.ts";
import { apiError } from "./kube-error.ts";
import type { KubeAccess } from "./parse-kubeconfig.ts";

/** TLS and the connection below it, whose end TLS does not always pass on. */
export interface KubeTls {
  readonly channel: Duplex;
  readonly socket: TLSSocket;
}

/**
 * Connects to the guest's API server over SSH and speaks TLS end to end, with the credentials of its kubeconfig; the server is verified against the
 * kubeconfig's authority. Throws GuestError: GUEST_PORT_CLOSED when nothing listens, KUBE_API when TLS fails, SSH_LOST, SSH_FORWARD_REFUSED.
 */
export async function openKubeTls(
  shell: Pick<GuestShell, "connect">,
  access: KubeAccess,
  protocol: "h2" | "http/1.1",
): Promise<KubeTls> {
  const channel = await shell.connect(access);
  return new Promise((resolve, reject) => {
    const socket = connect({
      socket: channel,
      host: access.host,
      ca: access.certificateAuthority,
      cert: access.clientCertificate,
      key: access.clientKey,
      ALPNProtocols: [protocol],
    });
    socket.once("secureConnect", () => {
      socket.removeAllListeners("error");
      resolve({ channel, socket });
    });
    socket.once("error", (cause: NodeJS.ErrnoException) => {
      channel.destroy();
      reject(apiError(`TLS to ${access.host}:${access.port} fails (${cause.code ?? cause.message})`, cause));
    });
    channel.once("close", () => reject(apiError("the connection was closed during the TLS handshake")));
  });
}
