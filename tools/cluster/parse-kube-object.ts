import { z } from "zod";
import type {
  ClusterEvent,
  Condition,
  ContainerState,
  JobState,
  LeaseState,
  NodeState,
  Owner,
  PodState,
  Termination,
  WorkloadState,
} from "./cluster-snapshot.ts";

// The API leaves out what is zero, empty or false (Go's omitempty) and adds fields with every release: what is absent gets its zero value,
// what is unknown is ignored, and only a value of the wrong type is an error.
/** A text that may be absent. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
/** A number that may be absent. */
export const count = z
  .number()
  .int()
  .nullish()
  .transform((value) => value ?? 0);
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

/** A list that may be absent. */
export function listOf<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullish()
    .transform((value) => value ?? []);
}

const metadataSchema = z.object({
  name: z.string(),
  uid: text,
  namespace: text,
  creationTimestamp: text,
  deletionTimestamp: text,
  generation: count,
  labels,
  annotations: labels,
  ownerReferences: listOf(z.object({ kind: z.string(), name: z.string(), uid: text, controller: flag })),
});

const conditionSchema = z
  .object({ type: z.string(), status: text, reason: text, message: text, lastTransitionTime: text })
  .transform((condition): Condition => condition);

const nodeSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({ unschedulable: flag }).nullish(),
  status: z
    .object({
      conditions: listOf(conditionSchema),
      nodeInfo: z
        .object({ kubeletVersion: text, kernelVersion: text, osImage: text, containerRuntimeVersion: text, bootID: text })
        .nullish(),
    })
    .nullish(),
});

const terminationSchema = z
  .object({ reason: text, exitCode: count, message: text, finishedAt: text })
  .transform((termination): Termination => termination);

const containerStatusSchema = z.object({
  name: z.string(),
  image: text,
  ready: flag,
  restartCount: count,
  state: z
    .object({
      waiting: z.object({ reason: text, message: text }).nullish(),
      running: z.object({ startedAt: text }).nullish(),
      terminated: terminationSchema.nullish(),
    })
    .nullish(),
  lastState: z.object({ terminated: terminationSchema.nullish() }).nullish(),
});

const podSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({ nodeName: text }).nullish(),
  status: z
    .object({
      phase: text,
      reason: text,
      message: text,
      conditions: listOf(conditionSchema),
      initContainerStatuses: listOf(containerStatusSchema),
      containerStatuses: listOf(containerStatusSchema),
    })
    .nullish(),
});

const workloadSchema = z.object({
  metadata: metadataSchema,
  spec: z
    .object({
      replicas: z.number().int().nullish(),
      selector: z.object({ matchLabels: labels }).nullish(),
    })
    .nullish(),
  status: z
    .object({
      observedGeneration: count,
      updatedReplicas: count,
      readyReplicas: count,
      availableReplicas: count,
      desiredNumberScheduled: count,
      updatedNumberScheduled: count,
      numberReady: count,
      numberAvailable: count,
      conditions: listOf(conditionSchema),
    })
    .nullish(),
});

const jobSchema = z.object({
  metadata: metadataSchema,
  status: z.object({ active: count, succeeded: count, failed: count, conditions: listOf(conditionSchema) }).nullish(),
});

const leaseSchema = z.object({ metadata: metadataSchema, spec: z.object({ renewTime: text }).nullish() });

const eventSchema = z.object({
  metadata: metadataSchema,
  type: text,
  reason: text,
  message: text,
  note: text,
  count,
  lastTimestamp: text,
  eventTime: text,
  series: z.object({ count, lastObservedTime: text }).nullish(),
  involvedObject: z.object({ kind: text, name: text, uid: text }).nullish(),
});

type Metadata = z.infer<typeof metadataSchema>;

/** One API object, parsed. */
export type ClusterObject =
  | { readonly kind: "Node"; readonly state: NodeState }
  | { readonly kind: "Pod"; readonly state: PodState }
  | { readonly kind: WorkloadState["kind"]; readonly state: WorkloadState }
  | { readonly kind: "Job"; readonly state: JobState }
  | { readonly kind: "Lease"; readonly state: LeaseState }
  | { readonly kind: "Event"; readonly state: ClusterEvent };

function ownerOf(metadata: Metadata): Owner | undefined {
  const owner = metadata.ownerReferences.find((reference) => reference.controller);
  return owner === undefined ? undefined : { kind: owner.kind, name: owner.name, uid: owner.uid };
}

function toNode(value: unknown): NodeState {
  const node = nodeSchema.parse(value);
  return {
    uid: node.metadata.uid,
    name: node.metadata.name,
    createdAt: node.metadata.creationTimestamp,
    terminating: node.metadata.deletionTimestamp !== "",
    unschedulable: node.spec?.unschedulable ?? false,
    conditions: node.status?.conditions ?? [],
    kubeletVersion: node.status?.nodeInfo?.kubeletVersion ?? "",
    kernelVersion: node.status?.nodeInfo?.kernelVersion ?? "",
    osImage: node.status?.nodeInfo?.osImage ?? "",
    containerRuntime: node.status?.nodeInfo?.containerRuntimeVersion ?? "",
    bootId: node.status?.nodeInfo?.bootID ?? "",
  };
}

function toContainer(status: z.infer<typeof containerStatusSchema>, init: boolean): ContainerState {
  const { waiting, running, terminated } = status.state ?? {};
  const state = waiting ? "waiting" : running ? "running" : terminated ? "terminated" : "unknown";
  return {
    name: status.name,
    image: status.image,
    init,
    ready: status.ready,
    restartCount: status.restartCount,
    state,
    reason: waiting?.reason ?? terminated?.reason ?? "",
    message: waiting?.message ?? terminated?.message ?? "",
    startedAt: running?.startedAt ?? "",
    exitCode: terminated?.exitCode,
    lastTermination: status.lastState?.terminated ?? undefined,
  };
}

function toPod(value: unknown): PodState {
  const { metadata, spec, status } = podSchema.parse(value);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    createdAt: metadata.creationTimestamp,
    labels: metadata.labels,
    owner: ownerOf(metadata),
    terminating: metadata.deletionTimestamp !== "",
    mirrorHash: metadata.annotations["kubernetes.io/config.mirror"],
    nodeName: spec?.nodeName ?? "",
    phase: status?.phase ?? "",
    conditions: status?.conditions ?? [],
    containers: [
      ...(status?.initContainerStatuses ?? []).map((container) => toContainer(container, true)),
      ...(status?.containerStatuses ?? []).map((container) => toContainer(container, false)),
    ],
    reason: status?.reason ?? "",
    message: status?.message ?? "",
  };
}

function toWorkload(kind: WorkloadState["kind"], value: unknown): WorkloadState {
  const { metadata, spec, status } = workloadSchema.parse(value);
  const daemon = kind === "DaemonSet";
  return {
    kind,
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    owner: ownerOf(metadata),
    terminating: metadata.deletionTimestamp !== "",
    generation: metadata.generation,
    observedGeneration: status?.observedGeneration ?? 0,
    // `replicas` defaults to 1 (apps/v1); the API server fills it in, hand-written lists may not.
    desired: daemon ? (status?.desiredNumberScheduled ?? 0) : (spec?.replicas ?? 1),
    updated: (daemon ? status?.updatedNumberScheduled : status?.updatedReplicas) ?? 0,
    ready: (daemon ? status?.numberReady : status?.readyReplicas) ?? 0,
    available: (daemon ? status?.numberAvailable : status?.availableReplicas) ?? 0,
    conditions: status?.conditions ?? [],
    matchLabels: spec?.selector?.matchLabels ?? {},
  };
}

function toJob(value: unknown): JobState {
  const { metadata, status } = jobSchema.parse(value);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    terminating: metadata.deletionTimestamp !== "",
    active: status?.active ?? 0,
    succeeded: status?.succeeded ?? 0,
    failed: status?.failed ?? 0,
    conditions: status?.conditions ?? [],
  };
}

function toLease(value: unknown): LeaseState {
  const { metadata, spec } = leaseSchema.parse(value);
  return { uid: metadata.uid, name: metadata.name, renewedAt: spec?.renewTime ?? "" };
}

function toEvent(value: unknown): ClusterEvent {
  const event = eventSchema.parse(value);
  return {
    uid: event.metadata.uid,
    namespace: event.metadata.namespace,
    type: event.type,
    reason: event.reason,
    message: event.message === "" ? event.note : event.message,
    count: event.series?.count ?? Math.max(event.count, 1),
    aboutKind: event.involvedObject?.kind ?? "",
    aboutName: event.involvedObject?.name ?? "",
    aboutUid: event.involvedObject?.uid ?? "",
    lastSeen: event.series?.lastObservedTime || event.lastTimestamp || event.eventTime || event.metadata.creationTimestamp,
  };
}

/** Parses one object of the API. Undefined for a kind the judge does not know; throws ZodError when its shape is not the API's. */
export function parseKubeObject(kind: string, value: unknown): ClusterObject | undefined {
  switch (kind) {
    case "Node":
      return { kind, state: toNode(value) };
    case "Pod":
      return { kind, state: toPod(value) };
    case "Deployment":
    case "DaemonSet":
    case "StatefulSet":
    case "ReplicaSet":
      return { kind, state: toWorkload(kind, value) };
    case "Job":
      return { kind, state: toJob(value) };
    case "Lease":
      return { kind, state: toLease(value) };
    case "Event":
      return { kind, state: toEvent(value) };
    default:
      return undefined;
  }
}
