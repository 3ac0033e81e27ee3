import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { systemClock } from "../core/clock.ts";
import { type KubeClient, openKubeClient } from "./open-kube-client.ts";
import { KubeStatusError } from "./kube-error.ts";
import { KUBECONFIG_PATH } from "./parse-kubeconfig.ts";
import { makeCertificates, planServerTls, renderKubeconfig } from "./testing/make-certificates.ts";

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly type: string;
  readonly body: string;
}

/** What an API server answers, or that it resets the request, as one that gave it up does; the tests change it. */
type Answer = (asked: Asked) => { status: number; body: unknown } | "reset";
/** What a command in a pod does: writes to its streams, then ends. */
type Command = (socket: WebSocket, words: readonly string[]) => void;

const CORE = {
  resources: [
    { name: "configmaps", kind: "ConfigMap", namespaced: true },
    { name: "pods", kind: "Pod", namespaced: true },
    { name: "pods/exec", kind: "Pod", namespaced: true },
    { name: "nodes", kind: "Node", namespaced: false },
  ],
};

let folder: string;
let answer: Answer;
let command: Command;
let asked: Asked[];
let sockets: Set<Socket>;
let close: () => Promise<void>;
let client: KubeClient;

const channel = (stream: number, words: string): Buffer => Buffer.concat([Buffer.of(stream), Buffer.from(words)]);
const ended = (code: number): Buffer =>
  channel(
    3,
    JSON.stringify(
      code === 0
        ? { status: "Success" }
        : { status: "Failure", reason: "NonZeroExitCode", details: { causes: [{ reason: "ExitCode", message: String(code) }] } },
    ),
  );

async function serve(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
  const { method, url } = request;
  const seen = { method, url, type: request.headers["content-type"] ?? "", body: await text(request) };
  asked.push(seen);
  const answered = seen.url === "/api/v1" ? { status: 200, body: CORE } : answer(seen);
  if (answered === "reset") {
    response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  const { status, body } = answered;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "kube-client-"));
  asked = [];
  sockets = new Set();
  answer = () => ({ status: 200, body: {} });
  const certificates = makeCertificates(folder);
  const server = createSecureServer({ ...planServerTls(certificates), allowHTTP1: true });
  server.on("request", (request, response) => void serve(request, response));
  server.on("session", (session) => void session.on("error", () => undefined));
  server.on("connection", (socket: Socket) => sockets.add(socket));
  const webSockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    const url = new URL(request.url ?? "/", "https://127.0.0.1");
    if (url.pathname.includes("/pods/absent/")) {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno such pod");
      return;
    }
    if (url.pathname.includes("/pods/silent/")) return;
    webSockets.handleUpgrade(request, socket, head, (opened) => command(opened, url.searchParams.getAll("command")));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  client = openKubeClient(
    { clock: systemClock, signal: new AbortController().signal },
    {
      connect: async (to) => connect(to.port, to.host),
      runCheck: async () => ({ status: 0, signalName: undefined, stdout: renderKubeconfig(certificates, port), stderr: "" }),
    },
    { kubeconfigPath: KUBECONFIG_PATH },
  );
  close = async () => {
    await client[Symbol.asyncDispose]();
    for (const socket of sockets) socket.destroy();
    server.close();
  };
});

afterEach(async () => {
  await close();
  rmSync(folder, { recursive: true, force: true });
});

test("a path without a slash is of the default namespace, and an answer is given as it is", async () => {
  answer = () => ({ status: 200, body: { metadata: { name: "web" }, status: { podIP: "10.42.0.7" } } });
  expect(await client.get("pods/web")).toMatchObject({ status: { podIP: "10.42.0.7" } });
  await client.get("/api/v1/nodes");
  expect(asked.map(({ url }) => url)).toEqual(["/api/v1/namespaces/default/pods/web", "/api/v1/nodes"]);
});

test("applied documents go where the API server says that their kinds live", async () => {
  await client.apply(
    "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\n---\napiVersion: v1\nkind: Node\nmetadata: { name: one }\n---\n" +
      "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: two, namespace: other }\n",
  );
  expect(asked.map(({ method, url }) => `${method} ${url.split("?")[0]}`)).toEqual([
    "GET /api/v1",
    "PATCH /api/v1/namespaces/default/pods/web",
    "PATCH /api/v1/nodes/one",
    "PATCH /api/v1/namespaces/other/configmaps/two",
  ]);
  expect(asked[1]?.type).toBe("application/apply-patch+yaml");
  expect(JSON.parse(asked[1]?.body ?? "")).toMatchObject({ kind: "Pod", metadata: { name: "web" } });
});

test("a kind that the API server does not have is named", async () => {
  await expect(client.apply("apiVersion: v1\nkind: Gadget\nmetadata: { name: web }\n")).rejects.toThrow(/no kind Gadget in v1/u);
});

test("a refusal is an error with the server's status and words", async () => {
  answer = () => ({ status: 403, body: { message: "forbidden here" } });
  const refused = client.create("pods", { kind: "Pod" });
  await expect(refused).rejects.toThrow(/answers 403 to .*\/pods: .*forbidden here/u);
  await expect(refused).rejects.toMatchObject({ status: 403 });
  expect(asked).toHaveLength(1);
});

test("a server that is too busy is asked again", async () => {
  answer = () => ({ status: asked.length < 2 ? 429 : 200, body: {} });
  await client.get("pods/web");
  expect(asked).toHaveLength(2);
});

test("what is not there need not be removed, and any other refusal is an error", async () => {
  answer = () => ({ status: 404, body: {} });
  await client.remove("pods/web", { graceSeconds: 0 });
  expect(JSON.parse(asked[0]?.body ?? "")).toEqual({ gracePeriodSeconds: 0 });
  answer = () => ({ status: 403, body: {} });
  await expect(client.remove("pods/web")).rejects.toBeInstanceOf(KubeStatusError);
});

test("a connection that was lost in between is opened again", async () => {
  await client.get("pods/web");
  for (const socket of sockets) socket.destroy();
  await client.get("pods/web");
  expect(asked).toHaveLength(2);
});

test("a request that the server resets is asked again, over a connection of its own", async () => {
  await client.get("pods/web");
  answer = () => (asked.length < 3 ? "reset" : { status: 200, body: { metadata: { name: "web" } } });
  expect(await client.get("pods/web")).toMatchObject({ metadata: { name: "web" } });
  expect(asked).toHaveLength(3);
  expect(sockets.size).toBe(2);
});

test("an object that was made by a request whose answer was lost is no refusal, and any other one is", async () => {
  await client.get("pods/web");
  answer = () => (asked.length < 3 ? "reset" : { status: 409, body: { reason: "AlreadyExists" } });
  await client.create("pods", { kind: "Pod" });
  expect(asked.map(({ method }) => method)).toEqual(["GET", "POST", "POST"]);
  await expect(client.create("pods", { kind: "Pod" })).rejects.toMatchObject({ status: 409 });
});

test("a command in a pod gives what it wrote and how it ended", async () => {
  command = (socket, words) => {
    socket.send(channel(1, `out of ${words.at(-1)}`));
    socket.send(channel(2, "a warning"));
    socket.send(ended(3));
    socket.close(1000);
  };
  expect(await client.exec("web", "ls /", { timeoutMs: 20_000 })).toEqual({
    status: 3,
    signalName: undefined,
    stdout: "out of ls /",
    stderr: "a warning",
  });
});

test("a command in a pod that does not end is given up", async () => {
  command = (socket) => socket.send(channel(1, "still here"));
  await expect(client.exec("web", "sleep 1000", { timeoutMs: 300 })).rejects.toMatchObject({ code: "GUEST_COMMAND_TIMEOUT" });
});

test("a command that is never opened is given up too", async () => {
  await expect(client.exec("silent", "true", { timeoutMs: 300 })).rejects.toMatchObject({ code: "GUEST_COMMAND_TIMEOUT" });
});

test("a connection that is lost under a command is an error, whatever came before", async () => {
  command = (socket) => {
    socket.send(channel(1, "so far"));
    setTimeout(() => socket.terminate(), 50);
  };
  const running = await client.stream("web", "true");
  expect(await text(running.stdout)).toBe("so far");
  await expect(running.ended).rejects.toThrow(/ended before the command did/u);
});

test("a command in a pod that is not there is refused in the server's words", async () => {
  await expect(client.exec("absent", "true", { timeoutMs: 20_000 })).rejects.toThrow(/404 .*no such pod/u);
});
