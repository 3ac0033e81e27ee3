/**
 * API objects as kubectl prints them, for tests: a small k3s cluster in which everything is Ready, and the means to spoil one thing in it.
 */
export interface ApiObject {
  kind: string;
  metadata: {
    name: string;
    uid: string;
    namespace?: string;
    generation?: number;
    deletionTimestamp?: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
    ownerReferences?: { kind: string; name: string; uid: string; controller: boolean }[];
  };
  spec: Record<string, unknown>;
  status: Record<string, unknown>;
  [field: string]: unknown;
}

const TIME = "2026-11-21T15:00:00Z";

export function renderCondition(type: string, status: string, reason = "", message = "", lastTransitionTime = TIME): object {
  return { type, status, reason, message, lastTransitionTime };
}

export function renderNode(name: string): ApiObject {
  return {
    kind: "Node",
    metadata: { name, uid: `node-${name}` },
    spec: {},
    status: {
      conditions: [
        renderCondition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        renderCondition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        renderCondition("PIDPressure", "False", "KubeletHasSufficientPID"),
        renderCondition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
      ],
      nodeInfo: {
        kubeletVersion: "v1.36.3+k3s1",
        kernelVersion: "6.12",
        osImage: "Test",
        containerRuntimeVersion: "containerd://2",
      },
    },
  };
}

/** What a kubelet renews to say that it lives. */
export function renderLease(name: string, renewedAt: string): ApiObject {
  return {
    kind: "Lease",
    metadata: { name, uid: `lease-${name}`, namespace: "kube-node-lease" },
    spec: { holderIdentity: name, renewTime: renewedAt },
    status: {},
  };
}

export function renderContainerStatus(name: string, restartCount = 0): Record<string, unknown> {
  return { name, image: `registry.test/${name}:1`, ready: true, restartCount, state: { running: { startedAt: TIME } } };
}

export function renderPod(name: string, owner?: { kind: string; name: string; uid: string }, namespace = "kube-system"): ApiObject {
  return {
    kind: "Pod",
    metadata: {
      name,
      namespace,
      uid: `pod-${name}`,
      ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
    },
    spec: { nodeName: "guest" },
    status: {
      phase: "Running",
      conditions: [renderCondition("PodScheduled", "True"), renderCondition("Ready", "True")],
      containerStatuses: [renderContainerStatus("main")],
    },
  };
}

/** A Deployment of one replica, its ReplicaSet and its pod, all Ready. */
export function renderDeployment(name: string, namespace = "kube-system"): ApiObject[] {
  const status = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 };
  const conditions = [renderCondition("Available", "True"), renderCondition("Progressing", "True")];
  const set = { kind: "ReplicaSet", name: `${name}-1`, uid: `rs-${name}-1` };
  return [
    {
      kind: "Deployment",
      metadata: { name, namespace, uid: `deployment-${name}`, generation: 1 },
      spec: { replicas: 1, selector: { matchLabels: { app: name } } },
      status: { ...status, conditions },
    },
    {
      kind: "ReplicaSet",
      metadata: {
        name: set.name,
        namespace,
        uid: set.uid,
        generation: 1,
        ownerReferences: [{ kind: "Deployment", name, uid: `deployment-${name}`, controller: true }],
      },
      spec: { replicas: 1 },
      status,
    },
    renderPod(`${name}-1-a`, set, namespace),
  ];
}

/** A DaemonSet on one node and its pod, Ready. */
export function renderDaemonSet(name: string): ApiObject[] {
  return [
    {
      kind: "DaemonSet",
      metadata: { name, namespace: "kube-system", uid: `ds-${name}`, generation: 1 },
      spec: { selector: { matchLabels: { app: name } } },
      status: {
        observedGeneration: 1,
        desiredNumberScheduled: 1,
        currentNumberScheduled: 1,
        updatedNumberScheduled: 1,
        numberReady: 1,
        numberAvailable: 1,
        numberMisscheduled: 0,
      },
    },
    renderPod(`${name}-a`, { kind: "DaemonSet", name, uid: `ds-${name}` }),
  ];
}

/** A Job that completed, and its pod. */
export function renderJob(name: string): ApiObject[] {
  const pod = renderPod(`${name}-a`, { kind: "Job", name, uid: `job-${name}` });
  pod.status["phase"] = "Succeeded";
  pod.status["conditions"] = [renderCondition("PodScheduled", "True"), renderCondition("Ready", "False", "PodCompleted")];
  pod.status["containerStatuses"] = [
    { name: "helm", ready: false, restartCount: 0, state: { terminated: { exitCode: 0, reason: "Completed" } } },
  ];
  return [
    {
      kind: "Job",
      metadata: { name, namespace: "kube-system", uid: `job-${name}` },
      spec: {},
      status: { succeeded: 1, conditions: [renderCondition("Complete", "True")] },
    },
    pod,
  ];
}

/** One node with all that k3s deploys by default, everything Ready. */
export function renderReadyCluster(): ApiObject[] {
  return [
    renderNode("guest"),
    ...["coredns", "local-path-provisioner", "metrics-server", "traefik"].flatMap((name) => renderDeployment(name)),
    ...renderDaemonSet("svclb-traefik-0a1b2c3d"),
    ...["helm-install-traefik-crd", "helm-install-traefik"].flatMap(renderJob),
  ];
}

/** What `kubectl get … -o json` prints. */
export function renderKubectlList(objects: readonly unknown[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items: objects }, null, 4);
}

/** The object of that kind and name; throws when there is none, so a test cannot spoil nothing. */
export function selectObject(objects: readonly ApiObject[], kind: string, name: string): ApiObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name} in the test's cluster`);
  return found;
}
