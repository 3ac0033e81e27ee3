import pRetry from "p-retry";
import { text } from "node:stream/consumers";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import type { Context } from "../core/context.ts";
import { GuestError } from "../core/errors.ts";
import type { GuestResult, GuestShell, GuestStream } from "./guest-shell.ts";
import { KubeStatusError } from "./kube-error.ts";
import { type KubeApi, type KubeRequest, openKubeApi } from "./open-kube-api.ts";
import { openPodExec } from "./open-pod-exec.ts";
import { type KubeAccess, parseKubeconfig } from "./parse-kubeconfig.ts";

const NAMESPACE = "default";
/** Whose fields those of an applied object are (Kubernetes: server-side apply). */
const FIELD_MANAGER = "meta-k3s";
/** Answers with which an API server that is too busy asks for the same once more (k8s.io/apimachinery: pkg/api/errors). */
const BUSY: ReadonlySet<number> = new Set([429, 500, 503, 504]);
/** The answer to making an object that is there. */
const CONFLICT = 409;
const BUSY_RETRIES = { retries: 3, minTimeout: 2000 } as const;

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
const resourceListSchema = z.object({
  resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() })),
});
const listSchema = z.looseObject({ items: z.array(z.looseObject({})).optional() });

/** An object as the API server gives it, or a list of them in `items`. */
export type KubeAnswer = z.infer<typeof listSchema>;

/**
 * Kubernetes' API as scenarios use it: requests of the host's, so that asking costs an emulated guest no process. Paths are whole ("/api/v1/nodes") or
 * of the default namespace ("pods/web"). All throw GuestError: KubeStatusError for the API server's refusal, KUBE_API and those of openKubeTls otherwise.
 */
export interface KubeClient extends AsyncDisposable {
  get(path: string): Promise<KubeAnswer>;
  /** Objects of YAML documents, made or changed one after the other by server-side apply; a server that is too busy is asked again. */
  apply(yaml: string): Promise<void>;
  /** Makes one object; refused when there is one of its name. */
  create(path: string, object: unknown): Promise<void>;
  /** Asks for the deletion of an object, or of all that `path` selects. What is not there is no error. */
  remove(path: string, options?: { graceSeconds?: number }): Promise<void>;
  /** Runs a shell's command in a pod of the default namespace. Throws GuestError GUEST_COMMAND_TIMEOUT when it takes longer. */
  exec(pod: string, command: string, options: { timeoutMs: number }): Promise<GuestResult>;
  /** Starts a shell's command in a pod of the default namespace. */
  stream(pod: string, command: string): Promise<GuestStream>;
}

/** Where a path of the default namespace's leads; every resource that scenarios name so is of the core group. */
function planPath(path: string): string {
  return path.startsWith("/") ? path : `/api/v1/namespaces/${NAMESPACE}/${path}`;
}

/** Prepares a client; the connection is opened by the first request, kept, and opened again when it was lost in between. */
export function openKubeClient(
  ctx: Pick<Context, "clock" | "signal">,
  shell: Pick<GuestShell, "runCheck" | "connect">,
  options: { kubeconfigPath: string },
): KubeClient {
  let current: Promise<KubeApi> | undefined;
  const resources = new Map<string, z.infer<typeof resourceListSchema>["resources"]>();

  async function readAccess(): Promise<KubeAccess> {
    return parseKubeconfig((await shell.runCheck(`cat '${options.kubeconfigPath}'`)).stdout);
  }

  function connect(): Promise<KubeApi> {
    if (current !== undefined) return current;
    const opening = readAccess().then(async (access) => openKubeApi(shell, access));
    current = opening;
    const forget = (): void => {
      if (current === opening) current = undefined;
    };
    opening.then(async (api) => api.closed).then(forget, forget);
    return opening;
  }

  /** A connection from before a restart of the server ends with the first request that it is used for. */
  async function send(request: KubeRequest): Promise<string> {
    const kept = current;
    const api = await connect();
    try {
      return await api.send(request);
    } catch (error) {
      if (kept === undefined || error instanceof KubeStatusError || ctx.signal.aborted) throw error;
      // Here and not by its end alone, which is told later: a server that resets one request leaves the connection open.
      if (current === kept) current = undefined;
      await api[Symbol.asyncDispose]();
      return (await connect()).send(request).catch((again: unknown) => {
        // An answer was lost, which is not to say that nothing was done: the object that is there now is the one that was asked for.
        if (request.method === "POST" && again instanceof KubeStatusError && again.status === CONFLICT) return "";
        throw again;
      });
    }
  }

  async function sendBusy(request: KubeRequest): Promise<string> {
    return pRetry(async () => send(request), {
      ...BUSY_RETRIES,
      signal: ctx.signal,
      shouldRetry: ({ error }) => error instanceof KubeStatusError && BUSY.has(error.status),
    });
  }

  /** Where an object lives: the API server's own word on its kinds. */
  async function locate({ apiVersion, kind, metadata }: z.infer<typeof objectSchema>): Promise<string> {
    const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const known =
      resources.get(root) ?? resourceListSchema.parse(JSON.parse(await sendBusy({ method: "GET", path: root }))).resources;
    resources.set(root, known);
    const resource = known.find((candidate) => candidate.kind === kind && !candidate.name.includes("/"));
    if (resource === undefined) throw new GuestError(`the API server has no kind ${kind} in ${apiVersion}`, { code: "KUBE_KIND" });
    const namespace = resource.namespaced ? `/namespaces/${metadata.namespace ?? NAMESPACE}` : "";
    return `${root}${namespace}/${resource.name}/${metadata.name}`;
  }

  async function stream(pod: string, command: string): Promise<GuestStream> {
    return openPodExec(shell, await readAccess(), { namespace: NAMESPACE, pod, command: ["sh", "-c", command] });
  }

  return {
    get: async (path) => listSchema.parse(JSON.parse(await sendBusy({ method: "GET", path: planPath(path) }))),
    apply: async (yaml) => {
      for (const document of parseAllDocuments(yaml)) {
        const object = objectSchema.parse(document.toJS());
        await sendBusy({
          method: "PATCH",
          path: `${await locate(object)}?fieldManager=${FIELD_MANAGER}&force=true`,
          body: JSON.stringify(object),
          contentType: "application/apply-patch+yaml",
        });
      }
    },
    create: async (path, object) => {
      await send({ method: "POST", path: planPath(path), body: JSON.stringify(object) });
    },
    remove: async (path, { graceSeconds } = {}) => {
      const body = graceSeconds === undefined ? {} : { body: JSON.stringify({ gracePeriodSeconds: graceSeconds }) };
      await sendBusy({ method: "DELETE", path: planPath(path), ...body }).catch((error: unknown) => {
        if (!(error instanceof KubeStatusError) || error.status !== 404) throw error;
      });
    },
    exec: async (pod, command, { timeoutMs }) => {
      const opening = stream(pod, command);
      const work = opening.then(async ({ stdout, ended }) => {
        const [output, result] = await Promise.all([text(stdout), ended]);
        return { ...result, stdout: output };
      });
      work.catch(() => undefined);
      const settled = new AbortController();
      const deadline = ctx.clock.sleep(timeoutMs, AbortSignal.any([ctx.signal, settled.signal])).then(() => undefined);
      deadline.catch(() => undefined);
      try {
        const result = await Promise.race([work, deadline]);
        if (result !== undefined) return result;
        throw new GuestError(`in pod ${pod} this takes longer than ${timeoutMs / 1000} s: ${command}`, {
          code: "GUEST_COMMAND_TIMEOUT",
        });
      } finally {
        settled.abort();
        // Not awaited: one that is not open yet may never be.
        opening.then(async (running) => running[Symbol.asyncDispose]()).catch(() => undefined);
      }
    },
    stream,
    [Symbol.asyncDispose]: async () => {
      const api = await current?.catch(() => undefined);
      await api?.[Symbol.asyncDispose]();
    },
  };
}
