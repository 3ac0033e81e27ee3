import type { Context } from "../core/context.ts";
import { GuestError } from "../core/errors.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import type { Blocker } from "./expectation.ts";
import type { GuestShell } from "./guest-shell.ts";
import { type KubeApi, openKubeApi } from "./open-kube-api.ts";
import { type KubeAccess, parseKubeconfig } from "./parse-kubeconfig.ts";
import type { ClusterObject } from "./parse-kube-object.ts";
import { parseApiList, parseWatchEvent, selectSnapshot } from "./parse-kubectl.ts";

/** What is watched. Events come last: nothing is judged by them, they only explain. */
const RESOURCES = [
  "/api/v1/nodes",
  "/api/v1/pods",
  "/apis/apps/v1/deployments",
  "/apis/apps/v1/daemonsets",
  "/apis/apps/v1/statefulsets",
  "/apis/apps/v1/replicasets",
  "/apis/batch/v1/jobs",
  "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
  "/api/v1/events",
] as const;

const RETRY_MS = 250;
/** A server ends watches by itself after a while; asking for half an hour keeps that rare. */
const WATCH_SECONDS = 1800;

/** One change of what is known of the cluster: a new snapshot, or why there is none. */
export interface FeedUpdate {
  readonly snapshot: ClusterSnapshot | undefined;
  readonly problem: Blocker | undefined;
}

export interface ClusterFeedOptions {
  readonly shell: GuestShell;
  /** Where k3s writes the administrator's kubeconfig. */
  readonly kubeconfigPath: string;
  readonly onUpdate: (update: FeedUpdate) => void;
  /** Called with each kubeconfig that was read. */
  readonly onAccess?: (access: KubeAccess) => void;
}

type FeedContext = Pick<Context, "clock" | "signal">;
type ChangeStore = (change: (store: Map<string, ClusterObject>) => void) => void;

/** A running feed. Disposing it ends its watches. */
export interface ClusterFeed extends AsyncDisposable {
  /** Rejects when nothing more can come: GuestError SSH_LOST or SSH_FORWARD_REFUSED. */
  readonly broken: Promise<never>;
}

function blocker(reason: string, message: string): Blocker {
  return { subject: "api", reason, message, kind: "api" };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function describe(error: unknown): Blocker {
  if (!(error instanceof GuestError)) return blocker("ApiError", error instanceof Error ? error.message : String(error));
  if (error.code === "GUEST_PORT_CLOSED") return blocker("ApiNotListening", error.message);
  if (error.code === "KUBECONFIG") return blocker("KubeconfigIncomplete", error.message);
  return blocker("ApiNotAnswering", error.message);
}

function isFinal(error: unknown): boolean {
  return error instanceof GuestError && (error.code === "SSH_LOST" || error.code === "SSH_FORWARD_REFUSED");
}

/** The work's result, or the signal's reason when that comes first: nothing in a guest that hangs may hold up an end. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  signal.throwIfAborted();
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => stopped.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Waits in the guest for k3s to write its kubeconfig: a shell that tests for a file, nothing more. */
async function readAccess(options: ClusterFeedOptions, signal: AbortSignal): Promise<KubeAccess> {
  const path = quote(options.kubeconfigPath);
  const found = await untilAborted(signal, options.shell.run(`cat ${path} 2>/dev/null`));
  if (found.status === 0 && found.stdout.trim() !== "") return parseKubeconfig(found.stdout);
  options.onUpdate({
    snapshot: undefined,
    problem: blocker("NoKubeconfig", `k3s has not written ${options.kubeconfigPath} yet`),
  });
  // An empty line each turn, which YAML does not mind: once nobody listens, writing it fails and the loop does not outlive the connection.
  const loop = `until [ -s ${path} ]; do echo || exit; sleep 0.2 2>/dev/null || sleep 1; done; cat ${path}`;
  await using waiting = await untilAborted(signal, options.shell.stream(loop));
  const text = await untilAborted(signal, readAll(waiting.stdout));
  await untilAborted(signal, waiting.ended);
  return parseKubeconfig(text);
}

async function closeApi(opening: Promise<KubeApi>): Promise<void> {
  try {
    await (await opening)[Symbol.asyncDispose]();
  } catch {
    // It never opened, and why is told where it was waited for.
  }
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString("utf8");
}

/** Keeps one kind up to date: a list, then a watch from the list's version on, and again when the watch ends (410 Gone, server's time-out). */
async function followResource(ctx: FeedContext, api: KubeApi, path: string, onChange: ChangeStore): Promise<void> {
  for (;;) {
    const list = parseApiList(await api.get(path));
    onChange((store) => {
      store.clear();
      for (const object of list.objects) store.set(object.state.uid, object);
    });
    let version = list.resourceVersion;
    let expired = false;
    while (!expired) {
      const query = new URLSearchParams({
        watch: "1",
        resourceVersion: version,
        allowWatchBookmarks: "true",
        timeoutSeconds: String(WATCH_SECONDS),
      });
      for await (const line of api.lines(`${path}?${query.toString()}`)) {
        const event = parseWatchEvent(line);
        if (event === undefined) continue;
        if (event.type === "error") {
          expired = true;
          break;
        }
        version = event.resourceVersion;
        if (event.type === "bookmark") continue;
        const { object, type } = event;
        onChange((store) => (type === "put" ? store.set(object.state.uid, object) : store.delete(object.state.uid)));
      }
      // Nothing is lost meanwhile: the next watch goes on from the last version seen.
      await ctx.clock.sleep(RETRY_MS, ctx.signal);
    }
  }
}

/** One life of the connection: resolves never, rejects when it ends. */
async function followCluster(ctx: FeedContext, api: KubeApi, onUpdate: (update: FeedUpdate) => void): Promise<never> {
  const stores = new Map<string, Map<string, ClusterObject>>();
  const publish = (): void => {
    // A snapshot that lacks a kind would be an early, short list.
    if (stores.size < RESOURCES.length) return;
    onUpdate({ snapshot: selectSnapshot([...stores.values()].flatMap((store) => Array.from(store.values()))), problem: undefined });
  };
  const follow = (path: string): Promise<void> =>
    followResource(ctx, api, path, (change) => {
      const store = stores.get(path) ?? new Map<string, ClusterObject>();
      change(store);
      stores.set(path, store);
      publish();
    });
  const gone = api.closed.then((reason) => {
    throw new GuestError(`the API server does not answer: ${reason}`, { code: "KUBE_API" });
  });
  gone.catch(() => undefined);
  await Promise.race([gone, Promise.all(RESOURCES.map(follow))]);
  throw new GuestError("the watches of the API server ended", { code: "KUBE_API" });
}

/**
 * Starts following the cluster: waits for the kubeconfig and the API server, lists and watches all kinds the judge needs, and starts anew,
 * with a fresh kubeconfig, whenever the API server goes away. Calls `onUpdate` with each change and with each reason for not seeing.
 */
export function openClusterFeed(ctx: FeedContext, options: ClusterFeedOptions): ClusterFeed {
  const ending = new AbortController();
  const signal = AbortSignal.any([ctx.signal, ending.signal]);
  const onUpdate = (update: FeedUpdate): void => {
    if (!signal.aborted) options.onUpdate(update);
  };

  const live = async (): Promise<never> => {
    const access = await readAccess({ ...options, onUpdate }, signal);
    options.onAccess?.(access);
    const opening = openKubeApi(options.shell, access);
    try {
      const api = await untilAborted(signal, opening);
      return await untilAborted(signal, followCluster({ clock: ctx.clock, signal }, api, onUpdate));
    } finally {
      void closeApi(opening);
    }
  };

  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await live();
      } catch (error) {
        if (signal.aborted) return;
        if (isFinal(error)) {
          broken.reject(error);
          return;
        }
        onUpdate({ snapshot: undefined, problem: describe(error) });
        await ctx.clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  };
  const running = loop();

  return {
    broken: broken.promise,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await running;
    },
  };
}
