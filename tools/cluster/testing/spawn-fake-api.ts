import { writeFileSync } from "node:fs";
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { join } from "node:path";
import { makeCertificates, planServerTls, renderKubeconfig } from "./make-certificates.ts";
import { type ApiObject, renderKubectlList } from "./render-cluster.ts";
import { writeScript } from "./spawn-sshd.ts";

const PATHS: Readonly<Record<string, string>> = {
  "/api/v1/nodes": "Node",
  "/api/v1/pods": "Pod",
  "/apis/apps/v1/deployments": "Deployment",
  "/apis/apps/v1/daemonsets": "DaemonSet",
  "/apis/apps/v1/statefulsets": "StatefulSet",
  "/apis/apps/v1/replicasets": "ReplicaSet",
  "/apis/batch/v1/jobs": "Job",
  "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases": "Lease",
  "/api/v1/events": "Event",
};

/** An API server that lists and watches over HTTP/2 and TLS with client certificates, and a kubectl that lists the same objects. */
export interface FakeApi extends AsyncDisposable {
  readonly kubeconfig: string;
  /** Adds or changes objects; watchers hear of each at once, kubectl at its next call. */
  put(...objects: ApiObject[]): void;
  remove(object: ApiObject): void;
  /** What kubectl lists from now on, whatever the API server holds; undefined follows the API server again. */
  setKubectlList(objects: readonly ApiObject[] | undefined): void;
  /** Ends all connections and refuses new ones until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends watches with 410 Gone, as a server does whose history was compacted. */
  expireWatches(): void;
  countWatches(): number;
  /** How often each kind was listed. */
  readonly lists: ReadonlyMap<string, number>;
}

/** Starts the server on a free port of 127.0.0.1 and puts `kubectl` into `bin`. `folder` takes keys and the list that kubectl prints. */
export async function spawnFakeApi(folder: string, bin: string): Promise<FakeApi> {
  const certificates = makeCertificates(folder);
  const objects = new Map<string, ApiObject>();
  const watchers = new Map<string, Set<ServerHttp2Stream>>();
  const sockets = new Set<Socket>();
  const lists = new Map<string, number>();
  const past: { version: number; kind: string; line: string }[] = [];
  const listFile = join(folder, "kubectl-list.json");
  let version = 1;
  let fixed: readonly ApiObject[] | undefined;
  let port = 0;

  const writeList = (): void => writeFileSync(listFile, renderKubectlList(fixed ?? [...objects.values()]));
  writeList();
  writeScript(join(bin, "kubectl"), `cat ${listFile}`);

  const versioned = (object: ApiObject): object => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: String(version) },
  });
  const tell = (type: string, object: ApiObject): void => {
    version += 1;
    const line = `${JSON.stringify({ type, object: versioned(object) })}\n`;
    past.push({ version, kind: object.kind, line });
    for (const stream of watchers.get(object.kind) ?? []) stream.write(line);
    writeList();
  };

  const serve = (stream: ServerHttp2Stream, url: URL): void => {
    stream.on("error", () => undefined);
    const kind = PATHS[url.pathname];
    if (kind === undefined) {
      stream.respond({ ":status": 404 });
      stream.end("not found");
      return;
    }
    stream.respond({ ":status": 200, "content-type": "application/json" });
    if (url.searchParams.get("watch") === null) {
      lists.set(kind, (lists.get(kind) ?? 0) + 1);
      const items = [...objects.values()].filter((object) => object.kind === kind).map(({ kind: _kind, ...rest }) => rest);
      stream.end(JSON.stringify({ kind: `${kind}List`, metadata: { resourceVersion: String(version) }, items }));
      return;
    }
    const since = Number(url.searchParams.get("resourceVersion"));
    for (const event of past) if (event.kind === kind && event.version > since) stream.write(event.line);
    const set = watchers.get(kind) ?? new Set();
    watchers.set(kind, set.add(stream));
    stream.once("close", () => set.delete(stream));
  };

  const server = createSecureServer(planServerTls(certificates));
  server.on("session", (session) => void session.on("error", () => undefined));
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("stream", (stream, headers) => serve(stream, new URL(headers[":path"] ?? "/", "https://127.0.0.1")));

  const start = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      server.listen({ host: "127.0.0.1", port }, resolve);
    });
    const address = server.address();
    port = address !== null && typeof address === "object" ? address.port : 0;
  };
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await start();

  return {
    kubeconfig: renderKubeconfig(certificates, port),
    lists,
    put(...changed) {
      for (const object of changed) {
        const known = objects.has(object.metadata.uid);
        objects.set(object.metadata.uid, object);
        tell(known ? "MODIFIED" : "ADDED", object);
      }
    },
    remove(object) {
      objects.delete(object.metadata.uid);
      tell("DELETED", object);
    },
    setKubectlList(list) {
      fixed = list;
      writeList();
    },
    start,
    stop,
    countWatches: () => [...watchers.values()].reduce((sum, set) => sum + set.size, 0),
    expireWatches() {
      const gone = { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" } };
      for (const set of watchers.values()) for (const stream of set) stream.end(`${JSON.stringify(gone)}\n`);
    },
    [Symbol.asyncDispose]: stop,
  };
}
