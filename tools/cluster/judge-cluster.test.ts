import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import type { Expectations } from "./expectation.ts";
import { type ClusterRules, DEFAULT_RULES, judgeCluster, type Observation, type Verdict } from "./judge-cluster.ts";
import { parseKubectlList } from "./parse-kubectl.ts";
import { planExpectations } from "./plan-expectations.ts";
import {
  type ApiObject,
  renderCondition,
  renderContainerStatus,
  renderDeployment,
  renderJob,
  renderKubectlList,
  renderNode,
  renderPod,
  renderReadyCluster,
  selectObject,
} from "./testing/render-cluster.ts";

const EXPECTATIONS: Expectations = planExpectations({
  config: { files: [], args: ["server"], manifests: [] },
  nodeNames: ["guest"],
});
const RULES: ClusterRules = { ...DEFAULT_RULES, expectations: EXPECTATIONS };

type Change = (objects: ApiObject[]) => void;

function snapshotOf(...changes: Change[]): ClusterSnapshot {
  const objects = renderReadyCluster();
  for (const change of changes) change(objects);
  return parseKubectlList(renderKubectlList(objects));
}

/** The verdict on a history in which each change is seen two seconds after the one before, long after the last. */
function judge(...looks: Change[][]): Verdict {
  const history: Observation[] = looks.map((changes, index) => ({ atMs: index * 2000, snapshot: snapshotOf(...changes) }));
  return judgeCluster({ rules: RULES, history, nowMs: (looks.length - 1) * 2000 + RULES.stabilityMs });
}

const nothing: Change = () => undefined;

function spoil(kind: string, name: string, change: (object: ApiObject) => void): Change {
  return (objects) => change(selectObject(objects, kind, name));
}

function drop(kind: string, name: string): Change {
  return (objects) => {
    objects.splice(objects.indexOf(selectObject(objects, kind, name)), 1);
  };
}

function setCondition(kind: string, name: string, ...args: Parameters<typeof renderCondition>): Change {
  return spoil(kind, name, (object) => {
    const conditions = object.status["conditions"] as { type: string }[];
    object.status["conditions"] = [...conditions.filter((condition) => condition.type !== args[0]), renderCondition(...args)];
  });
}

function setWaiting(pod: string, reason: string, message: string, more: object = {}): Change {
  return spoil("Pod", pod, (object) => {
    object.status["containerStatuses"] = [
      { ...renderContainerStatus("main"), ready: false, state: { waiting: { reason, message } }, ...more },
    ];
    object.status["conditions"] = [
      renderCondition("PodScheduled", "True"),
      renderCondition("Ready", "False", "ContainersNotReady"),
    ];
  });
}

function setRestarts(pod: string, restarts: number): Change {
  return spoil("Pod", pod, (object) => {
    object.status["containerStatuses"] = [renderContainerStatus("main", restarts)];
  });
}

/** What a verdict says is in the way, in one text. */
function wordsOf(verdict: Verdict): string {
  if (verdict.outcome === "failed")
    return verdict.problems.map((problem) => `${problem.code} ${problem.subject} ${problem.message}`).join("\n");
  if (verdict.outcome !== "waiting") return "";
  return verdict.blockers.map((blocker) => `${blocker.subject} ${blocker.reason} ${blocker.message}`).join("\n");
}

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

  test("say why a pod does not start: the events' words where the pod has none", () => {
    const snapshot = snapshotOf(setWaiting("coredns-1-a", "ContainerCreating", ""), (objects) =>
      objects.push({
        kind: "Event",
        metadata: { name: "e", uid: "e", namespace: "kube-system" },
        spec: {},
        status: {},
        ...{
          type: "Warning",
          reason: "FailedCreatePodSandBox",
          message: "no bridge",
          involvedObject: { kind: "Pod", uid: "pod-coredns-1-a" },
        },
      }),
    );
    const verdict = judgeCluster({ rules: RULES, history: [{ atMs: 0, snapshot }], nowMs: 60_000 });
    expect(wordsOf(verdict)).toMatch(/deployment kube-system\/coredns FailedCreatePodSandBox .*no bridge/);
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

describe("the stability window", () => {
  const restarted = "2026-11-21T15:00:30Z";

  test.each<[string, Change[], Change[]]>([
    ["a container that is restarted", [nothing], [setRestarts("coredns-1-a", 1)]],
    [
      "a restarted container of a pod nobody expects",
      [(o) => void o.push(renderPod("extra"))],
      [
        (o) => {
          o.push(renderPod("extra"));
          setRestarts("extra", 1)(o);
        },
      ],
    ],
    [
      "a container that started anew with the same count",
      [nothing],
      [
        spoil("Pod", "coredns-1-a", (pod) => {
          pod.status["containerStatuses"] = [{ ...renderContainerStatus("main"), state: { running: { startedAt: restarted } } }];
        }),
      ],
    ],
    ["a pod replaced by another", [nothing], [spoil("Pod", "coredns-1-a", (pod) => void (pod.metadata.uid = "another"))]],
    ["a pod that is gone", [(o) => void o.push(renderPod("extra"))], [nothing]],
    [
      "a pod that begins to terminate",
      [(o) => void o.push(renderPod("extra"))],
      [
        (o) => {
          const pod = renderPod("extra");
          pod.metadata.deletionTimestamp = restarted;
          o.push(pod);
        },
      ],
    ],
    ["a pod's Ready that flipped unseen", [nothing], [setCondition("Pod", "coredns-1-a", "Ready", "True", "", "", restarted)]],
    ["the node's Ready that flipped unseen", [nothing], [setCondition("Node", "guest", "Ready", "True", "", "", restarted)]],
    ["a node registered anew", [nothing], [spoil("Node", "guest", (node) => void (node.metadata.uid = "again"))]],
    [
      "a changed deployment",
      [nothing],
      [
        spoil("Deployment", "coredns", (object) => {
          object.metadata.generation = 2;
          object.status["observedGeneration"] = 2;
        }),
      ],
    ],
    ["a new pod", [nothing], [(o) => void o.push(renderPod("extra"))]],
    ["a moment of NotReady", [setCondition("Node", "guest", "Ready", "False")], [nothing]],
  ])("starts anew after %s", (_name, first, second) => {
    const history = [
      { atMs: 0, snapshot: snapshotOf(...first) },
      { atMs: 9000, snapshot: snapshotOf(...second) },
    ];
    expect(judgeCluster({ rules: RULES, history, nowMs: 18_999 })).toMatchObject({ outcome: "stabilising", sinceMs: 9000 });
    expect(judgeCluster({ rules: RULES, history, nowMs: 19_000 }).outcome).toBe("ready");
  });

  test("starts anew after a time in which the cluster was not seen", () => {
    const problem = { subject: "api", reason: "ApiNotListening", message: "refused", kind: "api" } as const;
    const history: Observation[] = [
      { atMs: 0, snapshot: snapshotOf() },
      { atMs: 5000, snapshot: undefined, problem },
    ];
    expect(wordsOf(judgeCluster({ rules: RULES, history, nowMs: 60_000 }))).toMatch(/api ApiNotListening refused/);
    history.push({ atMs: 6000, snapshot: snapshotOf() });
    expect(judgeCluster({ rules: RULES, history, nowMs: 15_999 }).outcome).toBe("stabilising");
  });

  test.each<[string, Change[], Change[]]>([
    ["an unchanged cluster seen again", [nothing], [nothing]],
    [
      "a terminating pod that is gone at last",
      [
        (o) => {
          const pod = renderPod("extra");
          pod.metadata.deletionTimestamp = restarted;
          o.push(pod);
        },
      ],
      [nothing],
    ],
    ["a finished job's pod that is collected", [nothing], [drop("Pod", "helm-install-traefik-a")]],
    [
      "a mirror pod registered anew",
      [
        (o) => {
          const pod = renderPod("static");
          pod.metadata.annotations = { "kubernetes.io/config.mirror": "h" };
          o.push(pod);
        },
      ],
      [
        (o) => {
          const pod = renderPod("static");
          pod.metadata.annotations = { "kubernetes.io/config.mirror": "h" };
          pod.metadata.uid = "anew";
          o.push(pod);
        },
      ],
    ],
    ["a changed pod in a namespace nobody judges", [(o) => void o.push(renderPod("mine", undefined, "default"))], [nothing]],
  ])("goes on with %s", (_name, first, second) => {
    const history = [
      { atMs: 0, snapshot: snapshotOf(...first) },
      { atMs: 9000, snapshot: snapshotOf(...second) },
    ];
    expect(judgeCluster({ rules: RULES, history, nowMs: 10_000 })).toMatchObject({ outcome: "ready", sinceMs: 0 });
  });
});

describe("what cannot recover", () => {
  function after(ms: number, ...changes: Change[]): Verdict {
    return judgeCluster({ rules: RULES, history: [{ atMs: 0, snapshot: snapshotOf(...changes) }], nowMs: ms });
  }
  const noRoute = "failed to pull: dial tcp: lookup registry.test: no such host";

  test("a failed job fails at once", () => {
    const change = spoil("Job", "helm-install-traefik", (job) => {
      job.status = {
        failed: 7,
        conditions: [renderCondition("Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")],
      };
    });
    expect(wordsOf(after(0, change))).toMatch(/JOB_FAILED job kube-system\/helm-install-traefik BackoffLimitExceeded/);
  });

  test.each<[string, string, number]>([
    ["ImagePullBackOff", noRoute, 30_000],
    ["ErrImagePull", noRoute, 30_000],
    ["ErrImageNeverPull", "not present with pull policy of Never", 30_000],
    ["ImagePullBackOff", "unexpected status 503", 120_000],
    ["CreateContainerError", "failed to reserve container name", 60_000],
  ])("%s (%s) is waited for %d ms, then fails and names pod and image", (reason, message, patienceMs) => {
    const change = setWaiting("coredns-1-a", reason, message);
    expect(after(patienceMs - 1, change).outcome).toBe("waiting");
    const words = wordsOf(after(patienceMs, change));
    expect(words).toMatch(/deployment kube-system\/coredns .*pod kube-system\/coredns-1-a: container main: /);
    if (reason.includes("Image")) expect(words).toContain("registry.test/main:1");
  });

  test("an image that fails in turns keeps its age", () => {
    const history = ["ErrImagePull", "ImagePullBackOff", "ErrImagePull"].map((reason, index) => ({
      atMs: index * 14_000,
      snapshot: snapshotOf(setWaiting("coredns-1-a", reason, noRoute)),
    }));
    expect(judgeCluster({ rules: RULES, history, nowMs: 30_000 }).outcome).toBe("failed");
  });

  test("a crash loop fails by its restarts, with exit code and last words", () => {
    const crash = (restartCount: number): Change =>
      setWaiting("coredns-1-a", "CrashLoopBackOff", "back-off 40s", {
        restartCount,
        lastState: { terminated: { exitCode: 2, reason: "Error", message: "plugin/loop: Loop detected" } },
      });
    expect(after(600_000, crash(3)).outcome).toBe("waiting");
    expect(wordsOf(after(0, crash(4)))).toMatch(
      /POD_CRASH_LOOPING .*exit code 2 \(Error\): plugin\/loop: Loop detected; 4 restarts/,
    );
  });

  test("want of memory for a pod fails, a taint does not", () => {
    const pending = (message: string): Change =>
      spoil("Pod", "coredns-1-a", (pod) => {
        pod.status = { phase: "Pending", conditions: [renderCondition("PodScheduled", "False", "Unschedulable", message)] };
      });
    expect(wordsOf(after(60_000, pending("0/1 nodes are available: 1 Insufficient memory.")))).toMatch(/UNSCHEDULABLE/);
    expect(after(60_000, pending("0/1 nodes are available: 1 node(s) had untolerated taint(s)")).outcome).toBe("waiting");
  });

  test("disk pressure that stays fails", () => {
    const change = setCondition("Node", "guest", "DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure");
    expect(after(59_999, change).outcome).toBe("waiting");
    expect(wordsOf(after(60_000, change))).toMatch(/DISK_PRESSURE node guest/);
  });

  test("a node that is NotReady for long is slow, not failed", () => {
    expect(after(3_600_000, setCondition("Node", "guest", "Ready", "False", "KubeletNotReady")).outcome).toBe("waiting");
  });
});

describe("every fact is needed", () => {
  /** Paths to the facts without which a cluster must not pass. */
  const facts: [string, Change][] = renderReadyCluster().flatMap((object): [string, Change][] => {
    const { kind } = object;
    const { name } = object.metadata;
    if (kind === "ReplicaSet" || (kind === "Pod" && name.startsWith("helm-install"))) return [];
    const found: [string, Change][] = [[`${kind} ${name}`, drop(kind, name)]];
    const key = (path: string): Change => spoil(kind, name, (spoiled) => void delete spoiled.status[path]);
    if (kind !== "DaemonSet") found.push([`${kind} ${name} conditions`, key("conditions")]);
    if (kind === "Pod") found.push([`${name} phase`, key("phase")], [`${name} containers`, key("containerStatuses")]);
    if (kind === "Deployment") {
      for (const count of ["updatedReplicas", "readyReplicas", "availableReplicas", "observedGeneration"])
        found.push([`${name} ${count}`, key(count)]);
    }
    if (kind === "DaemonSet") {
      for (const count of [
        "desiredNumberScheduled",
        "updatedNumberScheduled",
        "numberReady",
        "numberAvailable",
        "observedGeneration",
      ]) {
        found.push([`${name} ${count}`, key(count)]);
      }
    }
    return found;
  });

  test.each(facts)("without %s a cluster is not ready", (_name, change) => {
    expect(judge([change]).outcome).toBe("waiting");
  });

  test("without any set of them a cluster is not ready", () => {
    fc.assert(
      fc.property(fc.subarray(facts, { minLength: 1, maxLength: 6 }), (chosen) => {
        const objects = renderReadyCluster();
        for (const [, change] of chosen) {
          // Another of the chosen may have removed this one's object already.
          try {
            change(objects);
          } catch {
            continue;
          }
        }
        const snapshot = parseKubectlList(renderKubectlList(objects));
        const verdict = judgeCluster({ rules: RULES, history: [{ atMs: 0, snapshot }], nowMs: 1e9 });
        expect(["waiting", "failed"]).toContain(verdict.outcome);
      }),
    );
  });

  test("no order of objects changes the verdict", () => {
    const objects = renderReadyCluster();
    fc.assert(
      fc.property(fc.shuffledSubarray(objects, { minLength: objects.length }), (shuffled) => {
        const snapshot = parseKubectlList(renderKubectlList(shuffled));
        expect(judgeCluster({ rules: RULES, history: [{ atMs: 0, snapshot }], nowMs: 10_000 }).outcome).toBe("ready");
      }),
    );
  });

  test("no status but True is True", () => {
    fc.assert(
      fc.property(
        fc.string().filter((status) => status !== "True"),
        (status) => {
          expect(judge([setCondition("Node", "guest", "Ready", status)]).outcome).toBe("waiting");
          expect(judge([setCondition("Pod", "coredns-1-a", "Ready", status)]).outcome).toBe("waiting");
        },
      ),
    );
  });

  test("a restart at any moment of any window keeps it from ending before it is whole", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9999 }), fc.integer({ min: 1, max: 9999 }), (restartAtMs, lookMs) => {
        const history = [
          { atMs: 0, snapshot: snapshotOf() },
          { atMs: restartAtMs, snapshot: snapshotOf(setRestarts("coredns-1-a", 1)) },
        ];
        expect(judgeCluster({ rules: RULES, history, nowMs: restartAtMs + lookMs }).outcome).not.toBe("ready");
      }),
      { numRuns: 50 },
    );
  });
});
