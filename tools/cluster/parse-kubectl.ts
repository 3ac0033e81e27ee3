import { z } from "zod";
import { GuestError } from "../core/errors.ts";
import type {
  ClusterEvent,
  ClusterSnapshot,
  JobState,
  LeaseState,
  NodeState,
  PodState,
  WorkloadState,
} from "./cluster-snapshot.ts";
import { type ClusterObject, count, listOf, parseKubeObject, text } from "./parse-kube-object.ts";

const kindSchema = z.object({ kind: z.string() });
const listSchema = z.object({
  kind: z.string(),
  metadata: z.object({ resourceVersion: text }).nullish(),
  items: listOf(z.unknown()),
});
const watchEventSchema = z.object({ type: z.string(), object: z.unknown() });
const bookmarkSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const statusSchema = z.object({ code: count, reason: text, message: text });

/** One line of a watch (API concepts, "Efficient detection of changes"). */
export type WatchEvent =
  | { readonly type: "put"; readonly object: ClusterObject; readonly resourceVersion: string }
  | { readonly type: "delete"; readonly object: ClusterObject; readonly resourceVersion: string }
  | { readonly type: "bookmark"; readonly resourceVersion: string }
  | { readonly type: "error"; readonly code: number; readonly message: string };

/** Runs a parser on JSON text; what does not parse becomes a GuestError that shows its beginning. */
function parseJson<T>(source: string, what: string, parse: (value: unknown) => T): T {
  try {
    return parse(JSON.parse(source));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : cause instanceof Error ? cause.message : String(cause);
    throw new GuestError(`${what} is not what the Kubernetes API gives: ${reason} (it begins: ${source.slice(0, 120).trim()})`, {
      code: "KUBE_OUTPUT",
      hint: "run the same kubectl command on the guest and look at what it prints",
      cause,
    });
  }
}

/** Sorts objects into a snapshot. */
export function selectSnapshot(objects: Iterable<ClusterObject>): ClusterSnapshot {
  const snapshot = {
    nodes: [] as NodeState[],
    pods: [] as PodState[],
    workloads: [] as WorkloadState[],
    jobs: [] as JobState[],
    leases: [] as LeaseState[],
    events: [] as ClusterEvent[],
  };
  for (const object of objects) {
    if (object.kind === "Node") snapshot.nodes.push(object.state);
    else if (object.kind === "Pod") snapshot.pods.push(object.state);
    else if (object.kind === "Job") snapshot.jobs.push(object.state);
    else if (object.kind === "Lease") snapshot.leases.push(object.state);
    else if (object.kind === "Event") snapshot.events.push(object.state);
    else snapshot.workloads.push(object.state);
  }
  return snapshot;
}

/**
 * Parses what `kubectl get nodes,pods,deployments,… -A -o json` prints: a List of mixed kinds. Kinds the judge does not know are left out.
 * Throws GuestError KUBE_OUTPUT when it is not JSON or an object has not the API's shape.
 */
export function parseKubectlList(source: string): ClusterSnapshot {
  return parseJson(source, "the output of kubectl", (value) =>
    selectSnapshot(listSchema.parse(value).items.flatMap((item) => parseKubeObject(kindSchema.parse(item).kind, item) ?? [])),
  );
}

/** Parses the API server's answer to a list request for one kind, whose items carry no kind of their own (NodeList, PodList …). */
export function parseApiList(source: string): { readonly objects: readonly ClusterObject[]; readonly resourceVersion: string } {
  return parseJson(source, "the API server's list", (value) => {
    const list = listSchema.parse(value);
    const kind = list.kind.replace(/List$/, "");
    return {
      objects: list.items.flatMap((item) => parseKubeObject(kind, item) ?? []),
      resourceVersion: list.metadata?.resourceVersion ?? "",
    };
  });
}

/** Parses one line of the API server's answer to a watch request. Undefined for a kind the judge does not know. */
export function parseWatchEvent(line: string): WatchEvent | undefined {
  return parseJson(line, "the API server's watch", (value) => {
    const event = watchEventSchema.parse(value);
    if (event.type === "ERROR") {
      const status = statusSchema.parse(event.object);
      return { type: "error", code: status.code, message: status.message || status.reason };
    }
    const { resourceVersion } = bookmarkSchema.parse(event.object).metadata;
    if (event.type === "BOOKMARK") return { type: "bookmark", resourceVersion };
    const object = parseKubeObject(kindSchema.parse(event.object).kind, event.object);
    if (object === undefined) return undefined;
    return { type: event.type === "DELETED" ? "delete" : "put", object, resourceVersion };
  });
}
