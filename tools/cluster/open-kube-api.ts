import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { PassThrough, pipeline } from "node:stream";
import type { TLSSocket } from "node:tls";
import { GuestError } from "../core/errors.ts";
import type { GuestShell } from "./guest-shell.ts";
import { apiError, KubeStatusError } from "./kube-error.ts";
import { openKubeTls } from "./open-kube-tls.ts";
import type { KubeAccess } from "./parse-kubeconfig.ts";

const PING_MS = 5000;
const PINGS_LOST_MS = 30_000;

/** One request. */
export interface KubeRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  /** JSON or YAML, as `contentType` says; default application/json. */
  readonly body?: string;
  readonly contentType?: string;
}

/** An API server, reached through a connection that starts inside the guest. Disposing it ends all requests. */
export interface KubeApi extends AsyncDisposable {
  /** GET, the whole answer. Throws KubeStatusError for any status but 2xx, GuestError KUBE_API for a lost connection. */
  get(path: string): Promise<string>;
  /** Any request, the whole answer. Throws as `get`. */
  send(request: KubeRequest): Promise<string>;
  /** GET, the answer line by line as it comes. Throws as `get`. */
  lines(path: string): AsyncIterable<string>;
  /** Resolves with the reason when the connection has ended. */
  readonly closed: Promise<string>;
}

function startSession(socket: TLSSocket, access: KubeAccess): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://${access.host}:${access.port}`, { createConnection: () => socket });
    session.once("connect", () => resolve(session));
    session.once("error", (cause) => reject(apiError(cause.message, cause)));
    session.once("close", () => reject(apiError("it closed the connection at once")));
  });
}

interface Answer {
  readonly status: number;
  readonly body: PassThrough;
}

/** Status and body of an answer. The body is taken up from the start: a short one may be over before anybody asks for it. */
async function readAnswer(stream: ClientHttp2Stream): Promise<Answer> {
  const body = new PassThrough({ encoding: "utf8" });
  // Its errors reach whoever reads the body.
  pipeline(stream, body, () => undefined);
  const status = await new Promise<number>((resolve, reject) => {
    stream.once("response", (headers) => resolve(headers[":status"] ?? 0));
    stream.once("error", (cause) => reject(apiError(cause.message, cause)));
    stream.once("close", () => reject(apiError("the connection ended")));
  });
  return { status, body };
}

/**
 * Opens one HTTP/2 connection to the guest's API server over SSH, with the credentials of its kubeconfig: lists and watches of all kinds
 * share it and cost the guest no process. Speaks TLS end to end and verifies the server against the kubeconfig's authority. Throws
 * GuestError: GUEST_PORT_CLOSED when nothing listens, KUBE_API when it does not answer, SSH_LOST, SSH_FORWARD_REFUSED.
 */
export async function openKubeApi(shell: Pick<GuestShell, "connect">, access: KubeAccess): Promise<KubeApi> {
  const { channel, socket } = await openKubeTls(shell, access, "h2");
  const session = await startSession(socket, access);
  session.setLocalWindowSize(4 * 1024 * 1024);

  let reason = "the connection was closed";
  session.on("error", (error) => {
    reason = error.message;
  });
  // TLS over anything but a socket of the system does not pass on that the other side has gone.
  const onGone = (): void => {
    reason = "it closed the connection";
    session.destroy();
  };
  channel.once("end", onGone);
  channel.once("close", onGone);
  const closing = Promise.withResolvers<string>();
  let waitingForPingMs = 0;
  const pinger = setInterval(() => {
    // Destroyed is not closed yet: `close` follows in its own time.
    if (session.destroyed) return;
    waitingForPingMs += PING_MS;
    if (waitingForPingMs > PINGS_LOST_MS) {
      reason = `no sign of life for ${PINGS_LOST_MS / 1000} s`;
      session.destroy();
      return;
    }
    session.ping((error) => {
      if (error === null) waitingForPingMs = 0;
    });
  }, PING_MS);
  session.once("close", () => {
    clearInterval(pinger);
    socket.destroy();
    channel.destroy();
    closing.resolve(reason);
  });

  async function* exchange({ method, path, body: sent, contentType = "application/json" }: KubeRequest): AsyncGenerator<string> {
    if (session.closed || session.destroyed) throw apiError(reason);
    const headers = { ":method": method, ":path": path, accept: "application/json" };
    const stream = session.request(sent === undefined ? headers : { ...headers, "content-type": contentType }, {
      endStream: sent === undefined,
    });
    if (sent !== undefined) stream.end(sent);
    try {
      const { status, body } = await readAnswer(stream);
      if (status >= 200 && status < 300) {
        for await (const chunk of body) yield String(chunk);
        return;
      }
      let said = "";
      for await (const chunk of body) said += String(chunk);
      throw new KubeStatusError(status, path, said);
    } catch (cause) {
      throw cause instanceof GuestError ? cause : apiError(cause instanceof Error ? cause.message : String(cause), cause);
    } finally {
      stream.destroy();
    }
  }

  async function* lines(path: string): AsyncGenerator<string> {
    let rest = "";
    for await (const chunk of exchange({ method: "GET", path })) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) if (line !== "") yield line;
    }
  }

  async function send(request: KubeRequest): Promise<string> {
    let body = "";
    for await (const chunk of exchange(request)) body += chunk;
    return body;
  }

  return {
    get: async (path) => send({ method: "GET", path }),
    send,
    lines,
    closed: closing.promise,
    [Symbol.asyncDispose]: async () => {
      session.destroy();
      await closing.promise;
    },
  };
}
