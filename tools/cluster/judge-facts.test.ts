import { expect, test, describe } from "vitest";
import { judgeCluster } from "./judge-cluster.ts";
import { isTrue } from "./judge-pod.ts";
import { parseKubectlList } from "./parse-kubectl.ts";
import { renderKubectlList, renderReadyCluster } from "./testing/render-cluster.ts";
import { type Change, drop, judge, RULES, setCondition, setRestarts, snapshotOf, spoil } from "./testing/spoil-cluster.ts";

import { assert, integer, property, shuffledSubarray, string, subarray } from "fast-check";
// The limit is for machines that are very busy; idle ones need a second.
describe("every fact is needed", { timeout: 120_000 }, () => {
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
    assert(
      property(subarray(facts, { minLength: 1, maxLength: 6 }), (chosen) => {
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
    assert(
      property(shuffledSubarray(objects, { minLength: objects.length }), (shuffled) => {
        const snapshot = parseKubectlList(renderKubectlList(shuffled));
        expect(judgeCluster({ rules: RULES, history: [{ atMs: 0, snapshot }], nowMs: 10_000 }).outcome).toBe("ready");
      }),
    );
  });

  test("no status but True is True", () => {
    const notTrue = string().filter((status) => status !== "True");
    assert(
      property(notTrue, (status) => {
        expect(isTrue([{ type: "Ready", status, reason: "", message: "", lastTransitionTime: "" }], "Ready")).toBe(false);
      }),
    );
    assert(
      property(notTrue, (status) => {
        expect(judge([setCondition("Node", "guest", "Ready", status)]).outcome).toBe("waiting");
        expect(judge([setCondition("Pod", "coredns-1-a", "Ready", status)]).outcome).toBe("waiting");
      }),
      { numRuns: 10 },
    );
  });

  test("a restart at any moment of any window keeps it from ending before it is whole", () => {
    assert(
      property(integer({ min: 0, max: 9999 }), integer({ min: 1, max: 9999 }), (restartAtMs, lookMs) => {
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
