import { expect, test, describe } from "vitest";
import { type Observation, judgeCluster, type Verdict } from "./judge-cluster.ts";
import { renderCondition, renderContainerStatus, renderPod } from "./testing/render-cluster.ts";
import {
  addEvents,
  type Change,
  drop,
  nothing,
  RULES,
  setCondition,
  setRestarts,
  setWaiting,
  snapshotOf,
  spoil,
  wordsOf,
} from "./testing/spoil-cluster.ts";

function after(ms: number, ...changes: Change[]): Verdict {
  return judgeCluster({ rules: RULES, history: [{ atMs: 0, snapshot: snapshotOf(...changes) }], nowMs: ms });
}

function crash(restartCount: number): Change {
  return setWaiting("coredns-1-a", "CrashLoopBackOff", "back-off 40s", {
    restartCount,
    lastState: { terminated: { exitCode: 2, reason: "Error", message: "plugin/loop: Loop detected" } },
  });
}

function pending(message: string): Change {
  return spoil("Pod", "coredns-1-a", (pod) => {
    pod.status = { phase: "Pending", conditions: [renderCondition("PodScheduled", "False", "Unschedulable", message)] };
  });
}

function withoutSandbox(message: string): Change[] {
  const event = { type: "Warning", reason: "FailedCreatePodSandBox", message, lastTimestamp: "2026-11-21T15:00:03Z" };
  return [setWaiting("coredns-1-a", "ContainerCreating", ""), addEvents("coredns-1-a", [event])];
}

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
    expect(words.includes("registry.test/main:1")).toBe(reason.includes("Image"));
  });

  test("an image that fails in turns keeps its age", () => {
    const history = ["ErrImagePull", "ImagePullBackOff", "ErrImagePull"].map((reason, index) => ({
      atMs: index * 14_000,
      snapshot: snapshotOf(setWaiting("coredns-1-a", reason, noRoute)),
    }));
    expect(judgeCluster({ rules: RULES, history, nowMs: 30_000 }).outcome).toBe("failed");
  });

  test("a crash loop fails by its restarts and how long it waits for the next, with exit code and last words", () => {
    expect(after(600_000, crash(3)).outcome).toBe("waiting");
    expect(after(59_999, crash(18)).outcome).toBe("waiting");
    expect(wordsOf(after(60_000, crash(4)))).toMatch(
      /POD_CRASH_LOOPING .*exit code 2 \(Error\): plugin\/loop: Loop detected; 4 restarts/,
    );
  });

  test("a CNI plugin that stays missing fails, another failure of the sandbox does not", () => {
    const prefix = 'rpc error: failed to setup network for sandbox "0a1b": plugin type="flannel" failed (add)';
    const missing = withoutSandbox(`${prefix}: failed to delegate add: failed to find plugin "bridge" in path [/usr/libexec/k3s]`);
    expect(after(59_999, ...missing).outcome).toBe("waiting");
    expect(wordsOf(after(60_000, ...missing))).toMatch(/CNI_PLUGIN_MISSING deployment kube-system\/coredns .*"bridge" in path/);
    const early = withoutSandbox(`${prefix}: failed to load flannel 'subnet.env' file: no such file or directory`);
    expect(after(600_000, ...early).outcome).toBe("waiting");
  });

  test("want of memory for a pod fails, a taint does not", () => {
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
