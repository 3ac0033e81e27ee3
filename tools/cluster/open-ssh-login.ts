import type { Socket } from "node:net";
import { Client, type ConnectConfig } from "ssh2";
import { AbortedError, GuestError } from "../core/errors.ts";
import type { SshEndpoint } from "../machine/machine.ts";

/** Key exchange and login under emulation, on a machine that is still booting, take seconds. */
const HANDSHAKE_MS = 60_000;
const KEEPALIVE_MS = 5000;
/** A guest that swaps or unpacks images may not answer for a while: twelve unanswered keepalives are a minute. */
const KEEPALIVES_LOST = 12;

/** A host key as known_hosts writes it: the algorithm's name is the first string inside the key (RFC 4253, section 6.6). */
function formatHostKey(key: Buffer): string {
  const length = key.readUInt32BE(0);
  return `${key.subarray(4, 4 + length).toString("ascii")} ${key.toString("base64")}`;
}

function withoutComment(hostKey: string): string {
  return hostKey.trim().split(/\s+/).slice(0, 2).join(" ");
}

/** A machine that runs here, or a device anywhere. */
export type SshAddress = Omit<SshEndpoint, "host"> & { readonly host: string };

/** Ends a retry loop: this error will be the same next time. */
export class FinalError {
  readonly error: Error;
  constructor(error: Error) {
    this.error = error;
  }
}

/** A connection that is logged in, and the host key that was seen. */
export interface SshLogin {
  readonly client: Client;
  readonly hostKey: string;
}

/** Key exchange and login over a socket on which the server has spoken. Wrong key and foreign host key are FinalError. */
export function openSshLogin(endpoint: SshAddress, privateKey: Buffer, sock: Socket, signal: AbortSignal): Promise<SshLogin> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let hostKey = "";
    let mismatch = false;
    const config: ConnectConfig = {
      sock,
      username: endpoint.user,
      privateKey,
      readyTimeout: HANDSHAKE_MS,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_LOST,
      hostVerifier: (key: Buffer) => {
        hostKey = formatHostKey(key);
        mismatch = endpoint.hostKey !== undefined && withoutComment(endpoint.hostKey) !== hostKey;
        return !mismatch;
      },
    };
    const type = endpoint.hostKey?.trim().split(/\s+/)[0];
    // Ask for the kind of key that is pinned; a server has several and would otherwise choose by its own order.
    if (type !== undefined) {
      const serverHostKey = (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]) as NonNullable<
        ConnectConfig["algorithms"]
      >["serverHostKey"];
      config.algorithms = { serverHostKey: serverHostKey ?? [] };
    }
    const onAbort = (): void => {
      client.destroy();
      reject(new AbortedError());
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (act: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      act();
    };
    client.on("error", (error: Error & { level?: string }) => {
      client.destroy();
      settle(() => {
        if (mismatch) {
          reject(
            new FinalError(
              new GuestError(`the guest presents another host key than the one pinned for this run (${hostKey.slice(0, 60)}…)`, {
                code: "SSH_HOST_KEY",
                hint: "another machine answers at this port, or the image's host keys were made anew: give the key it has now",
              }),
            ),
          );
        } else if (error.level === "client-authentication") {
          reject(
            new FinalError(
              new GuestError(`the guest refuses the key ${endpoint.privateKeyPath} for user ${endpoint.user}`, {
                code: "SSH_AUTH",
                hint: `put its public half into ~${endpoint.user}/.ssh/authorized_keys of the image, or name the right key`,
                cause: error,
              }),
            ),
          );
        } else if (/no matching|host key|Handshake failed/i.test(error.message)) {
          const pinned = type === undefined ? "" : ` (the pinned host key is of type ${type})`;
          reject(
            new FinalError(
              new GuestError(`no agreement with the guest's SSH server: ${error.message}${pinned}`, {
                code: type === undefined ? "SSH_PROTOCOL" : "SSH_HOST_KEY",
                hint: "the server offers none of the algorithms asked for, or not the kind of host key that is pinned",
                cause: error,
              }),
            ),
          );
        } else reject(error);
      });
    });
    client.once("close", () => settle(() => reject(new Error("the SSH server closed the connection during login"))));
    client.once("ready", () => settle(() => resolve({ client, hostKey })));
    client.connect(config);
  });
}
