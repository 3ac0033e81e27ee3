import { expect, test, describe } from "vitest";
import { judgeCluster } from "./judge-cluster.ts";
import {
  renderCondition,
  renderContainerStatus,
  renderDeployment,
  renderJob,
  renderNode,
  renderPod,
  selectObject,
} from "./testing/render-cluster.ts";
import {
  addEvents,
  type Change,
  drop,
  EXPECTATIONS,
  judge,
  RULES,
  setCondition,
  setWaiting,
  snapshotOf,
  spoil,
  wordsOf,
} from "./testing/spoil-cluster.ts";

describe("a cluster in which everything holds", () => {
  test("is ready once the stability window has passed, and not before", () => {
    const history = [{ atMs: 1000, snapshot: snapshotOf() }];
    expect(judgeCluster({ rules: RULES, history, nowMs: 10_999 })).toMatchObject({ outcome: "stabilising", sinceMs: 1000 });
    expect(judgeCluster({ rules: RULES, history, nowMs: 11_000 })).toEqual({
      outcome: "ready",
      sinceMs: 1000,
      stableForMs: 10_000,
    });
  });

  test("is not ready before anything was seen", () => {
    expect(judgeCluster({ rules: RULES, history: [], nowMs: 1e9 })).toEqual({ outcome: "waiting", blockers: [] });
  });

  test.each<[string, Change]>([
    [
      "a pod on its way out beside its replacement",
      (objects) => {
        const old = renderPod("coredns-1-old", { kind: "ReplicaSet", name: "coredns-1", uid: "rs-coredns-1" });
        old.metadata.deletionTimestamp = "2026-11-21T15:01:00Z";
        old.status["conditions"] = [renderCondition("Ready", "False")];
        objects.push(old);
      },
    ],
    [
      "a pod of a ReplicaSet that was scaled to nothing",
      (objects) => {
        objects.push({
          kind: "ReplicaSet",
          metadata: { name: "coredns-0", namespace: "kube-system", uid: "rs-0" },
          spec: { replicas: 0 },
          status: {},
        });
        const old = renderPod("coredns-0-a", { kind: "ReplicaSet", name: "coredns-0", uid: "rs-0" });
        old.status["conditions"] = [renderCondition("Ready", "False")];
        objects.push(old);
      },
    ],
    [
      "an evicted pod that its controller replaced",
      (objects) => {
        const old = renderPod("coredns-1-evicted", { kind: "ReplicaSet", name: "coredns-1", uid: "rs-coredns-1" });
        old.status = { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." };
        objects.push(old);
      },
    ],
    [
      "a pod that failed inside a job that completed",
      (objects) => {
        const old = renderPod("helm-install-traefik-x", {
          kind: "Job",
          name: "helm-install-traefik",
          uid: "job-helm-install-traefik",
        });
        old.status = { phase: "Failed", conditions: [renderCondition("Ready", "False")] };
        objects.push(old);
      },
    ],
    ["a completed job nobody expects", (objects) => void objects.push(...renderJob("extra"))],
    ["a healthy pod nobody expects", (objects) => void objects.push(renderPod("extra"))],
    [
      "a broken pod outside the strict namespaces",
      (objects) => {
        const pod = renderPod("mine", undefined, "default");
        pod.status = { phase: "Pending" };
        objects.push(pod);
      },
    ],
    [
      "fields and kinds the judge does not know",
      (objects) => {
        selectObject(objects, "Node", "guest").status["tomorrow"] = { a: [1] };
        objects.push({ kind: "Gadget", metadata: { name: "x", uid: "x" }, spec: {}, status: {} });
      },
    ],
  ])("stays ready with %s", (_name, change) => {
    expect(judge([change]).outcome).toBe("ready");
  });
});

describe("nodes", () => {
  test.each<[string, Change, RegExp]>([
    [
      "NotReady",
      setCondition(
        "Node",
        "guest",
        "Ready",
        "False",
        "KubeletNotReady",
        "container runtime network not ready: cni plugin not initialized",
      ),
      /node guest KubeletNotReady .*cni plugin not initialized/,
    ],
    [
      "Ready=Unknown",
      setCondition("Node", "guest", "Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."),
      /node guest NodeStatusUnknown .*Unknown/,
    ],
    ["an invented status", setCondition("Node", "guest", "Ready", "NotReady"), /node guest/],
    ["no Ready condition", spoil("Node", "guest", (node) => void (node.status["conditions"] = [])), /node guest NoReadyCondition/],
    ["no status at all", spoil("Node", "guest", (node) => void (node.status = {})), /node guest NoReadyCondition/],
    [
      "deletion",
      spoil("Node", "guest", (node) => void (node.metadata.deletionTimestamp = "2026-11-21T15:01:00Z")),
      /node guest Terminating/,
    ],
    [
      "MemoryPressure",
      setCondition("Node", "guest", "MemoryPressure", "True", "KubeletHasInsufficientMemory"),
      /node guest MemoryPressure/,
    ],
    [
      "NetworkUnavailable of unknown status",
      setCondition("Node", "guest", "NetworkUnavailable", "Unknown"),
      /node guest NetworkUnavailable/,
    ],
    ["another name", spoil("Node", "guest", (node) => void (node.metadata.name = "other")), /node guest NotFound/],
    ["absence", drop("Node", "guest"), /node guest NotFound/],
    [
      "a second node that is not Ready",
      (objects) => {
        const node = renderNode("second");
        node.status["conditions"] = [renderCondition("Ready", "False", "KubeletNotReady")];
        objects.push(node);
      },
      /node second KubeletNotReady/,
    ],
    ["one node too many", (objects) => void objects.push(renderNode("second")), /nodes WrongNodeCount 2 of 1/],
  ])("never pass with %s", (_name, change, words) => {
    const verdict = judge([change]);
    expect(verdict.outcome).toBe("waiting");
    expect(wordsOf(verdict)).toMatch(words);
  });

  test("never pass when fewer are there than expected", () => {
    const rules = { ...RULES, expectations: { ...EXPECTATIONS, nodeCount: 3 } };
    const verdict = judgeCluster({ rules, history: [{ atMs: 0, snapshot: snapshotOf() }], nowMs: 60_000 });
    expect(wordsOf(verdict)).toMatch(/nodes WrongNodeCount 1 of 3 nodes are there \(guest\)/);
  });
});

describe("workloads", () => {
  test.each<[string, Change, RegExp]>([
    [
      "an expected deployment absent",
      drop("Deployment", "metrics-server"),
      /deployment kube-system\/metrics-server NotFound .*disable: metrics-server/,
    ],
    [
      "an expected daemonset absent",
      drop("DaemonSet", "svclb-traefik-0a1b2c3d"),
      /daemonset kube-system\/svclb-traefik-\* NotFound/,
    ],
    ["an expected job absent", drop("Job", "helm-install-traefik"), /job kube-system\/helm-install-traefik NotFound/],
    ["its pod absent though its numbers are right", drop("Pod", "coredns-1-a"), /deployment kube-system\/coredns NoPods/],
    [
      "its pod on its way out though Ready",
      spoil("Pod", "coredns-1-a", (pod) => void (pod.metadata.deletionTimestamp = "2026-11-21T15:01:00Z")),
      /deployment kube-system\/coredns NoPods/,
    ],
    [
      "its pod not Ready",
      setCondition("Pod", "coredns-1-a", "Ready", "False", "ContainersNotReady", "containers with unready status: [main]"),
      /deployment kube-system\/coredns ContainersNotReady/,
    ],
    ["its pod's Ready unknown", setCondition("Pod", "coredns-1-a", "Ready", "Unknown"), /coredns .*Ready is Unknown/],
    [
      "its pod without conditions",
      spoil("Pod", "coredns-1-a", (pod) => void (pod.status["conditions"] = [])),
      /coredns NoReadyCondition/,
    ],
    [
      "its pod Pending though Ready",
      spoil("Pod", "coredns-1-a", (pod) => void (pod.status["phase"] = "Pending")),
      /coredns .*phase Pending/,
    ],
    [
      "a container not ready though the pod is",
      spoil(
        "Pod",
        "coredns-1-a",
        (pod) => void (pod.status["containerStatuses"] = [{ ...renderContainerStatus("main"), ready: false }]),
      ),
      /coredns .*not ready: main/,
    ],
    [
      "no containers",
      spoil("Pod", "coredns-1-a", (pod) => void (pod.status["containerStatuses"] = [])),
      /deployment kube-system\/coredns/,
    ],
    [
      "Available not True",
      setCondition("Deployment", "coredns", "Available", "False", "MinimumReplicasUnavailable"),
      /coredns MinimumReplicasUnavailable/,
    ],
    ["Available unknown", setCondition("Deployment", "coredns", "Available", "Unknown", "X"), /coredns X/],
    [
      "no Available condition",
      spoil("Deployment", "coredns", (object) => void (object.status["conditions"] = [])),
      /coredns NotAvailable/,
    ],
    [
      "too few ready",
      spoil("Deployment", "coredns", (object) => void (object.spec["replicas"] = 2)),
      /coredns NotAvailable 2 wanted/,
    ],
    [
      "an old template still served",
      spoil("Deployment", "coredns", (object) => void (object.status["updatedReplicas"] = 0)),
      /coredns NotAvailable .*0 updated/,
    ],
    ["scaled to nothing", spoil("Deployment", "coredns", (object) => void (object.spec["replicas"] = 0)), /coredns NoReplicas/],
    [
      "a specification its controller has not seen",
      spoil("Deployment", "coredns", (object) => void (object.metadata.generation = 2)),
      /coredns NotObserved/,
    ],
    [
      "its own deletion",
      spoil("Deployment", "coredns", (object) => void (object.metadata.deletionTimestamp = "2026-11-21T15:01:00Z")),
      /coredns Terminating/,
    ],
    [
      "the same name in another namespace",
      spoil("Deployment", "coredns", (object) => void (object.metadata.namespace = "default")),
      /coredns NotFound/,
    ],
    [
      "a daemonset meant for no node",
      spoil("DaemonSet", "svclb-traefik-0a1b2c3d", (object) => void (object.status["desiredNumberScheduled"] = 0)),
      /svclb-traefik-\* NoReplicas/,
    ],
    [
      "a daemonset short of ready pods",
      spoil("DaemonSet", "svclb-traefik-0a1b2c3d", (object) => void (object.status["numberReady"] = 0)),
      /svclb-traefik-\* NotAvailable/,
    ],
    [
      "an expected job still running",
      spoil("Job", "helm-install-traefik", (job) => void (job.status = { active: 1, conditions: [] })),
      /job kube-system\/helm-install-traefik NotComplete/,
    ],
    [
      "an unexpected pod that is unhealthy",
      (objects) => {
        const pod = renderPod("stray");
        pod.status["conditions"] = [renderCondition("Ready", "False", "ContainersNotReady", "not today")];
        objects.push(pod);
      },
      /pod kube-system\/stray ContainersNotReady not today/,
    ],
    [
      "an unexpected pod that failed",
      (objects) => {
        const pod = renderPod("stray");
        pod.status = { phase: "Failed" };
        objects.push(pod);
      },
      /pod kube-system\/stray Failed/,
    ],
    [
      "an unexpected deployment's pod that is unhealthy",
      (objects) => {
        objects.push(...renderDeployment("stray"));
        setCondition("Pod", "stray-1-a", "Ready", "False", "ContainersNotReady")(objects);
      },
      /pod kube-system\/stray-1-a ContainersNotReady/,
    ],
    [
      "an unexpected job that runs",
      (objects) => {
        objects.push(...renderJob("stray"));
        selectObject(objects, "Job", "stray").status = { active: 1 };
      },
      /job kube-system\/stray NotComplete/,
    ],
  ])("never pass with %s", (_name, change, words) => {
    const verdict = judge([change]);
    expect(verdict.outcome).toBe("waiting");
    expect(wordsOf(verdict)).toMatch(words);
  });

  test("an early, short list of pods never passes, however healthy it is", () => {
    const names = ["metrics-server", "traefik", "svclb-traefik-0a1b2c3d"];
    const early: Change = (objects) => {
      const kept = objects.filter((object) => !names.some((name) => object.metadata.name.startsWith(name)));
      objects.splice(0, objects.length, ...kept);
    };
    const verdict = judge([early]);
    expect(verdict.outcome).toBe("waiting");
    expect(wordsOf(verdict)).toMatch(/metrics-server NotFound[^]*traefik NotFound/);
  });

  describe("say what the events say while a pod is made", () => {
    const scheduling = { type: "Warning", reason: "FailedScheduling", message: "no nodes", lastTimestamp: "2026-11-21T15:00:01Z" };
    const pulling = { type: "Normal", reason: "Pulling", message: "Pulling image x", lastTimestamp: "2026-11-21T15:00:02Z" };
    const sandbox = { type: "Warning", reason: "FailedCreatePodSandBox", message: "no bridge", eventTime: "2026-11-21T15:00:03Z" };
    const again = { type: "Normal", reason: "SandboxChanged", message: "again", lastTimestamp: "2026-11-21T15:00:04Z" };
    test.each([
      ["a failure that is tried again", [sandbox, again], /coredns FailedCreatePodSandBox .*no bridge/],
      ["a failure", [scheduling, pulling, sandbox], /coredns FailedCreatePodSandBox .*no bridge/],
      ["progress after a failure", [pulling, scheduling], /coredns ContainerCreating .*Pulling: Pulling image x/],
      ["nothing", [], /coredns ContainerCreating/],
    ])("%s", (_name, events, words) => expectSaid(setWaiting("coredns-1-a", "ContainerCreating", ""), events, words));

    const ended = spoil("Pod", "coredns-1-a", (pod) => {
      const state = { terminated: { exitCode: 255, reason: "Unknown" } };
      pod.status["containerStatuses"] = [{ ...renderContainerStatus("main"), ready: false, state }];
    });
    test.each([
      ["it cannot be made again", [pulling, sandbox], /coredns FailedCreatePodSandBox .*no bridge/],
      ["what it ended with", [scheduling, pulling], /coredns Unknown .*ended with exit code 255/],
    ])("and of a container that ended with the boot before, %s", (_name, events, words) => expectSaid(ended, events, words));

    function expectSaid(change: Change, events: readonly (typeof sandbox | typeof again)[], words: RegExp): void {
      const snapshot = snapshotOf(change, addEvents("coredns-1-a", events));
      const verdict = judgeCluster({ rules: RULES, history: [{ atMs: 0, snapshot }], nowMs: 60_000 });
      expect(wordsOf(verdict)).toMatch(words);
    }
  });

  test("say why a pod is not scheduled", () => {
    const pending = spoil("Pod", "coredns-1-a", (pod) => {
      pod.status = {
        phase: "Pending",
        conditions: [
          renderCondition("PodScheduled", "False", "Unschedulable", "0/1 nodes are available: 1 node(s) had untolerated taint(s)"),
        ],
      };
    });
    expect(wordsOf(judge([pending]))).toMatch(/coredns Unschedulable .*untolerated taint/);
  });
});
