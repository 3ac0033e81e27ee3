import { describe, expect, test } from "vitest";
import { judgeCluster, type Observation } from "./judge-cluster.ts";
import { renderLease } from "./testing/render-cluster.ts";
import { RULES, snapshotOf, wordsOf } from "./testing/spoil-cluster.ts";

const BEFORE = "2026-11-21T15:00:00.000000Z";
const AFTER = "2026-11-21T15:10:00.000000Z";
const LATER = "2026-11-21T15:10:10.000000Z";

function seen(atMs: number, ...leases: string[]): Observation {
  return { atMs, snapshot: snapshotOf((objects) => void objects.push(...leases.map((at) => renderLease("guest", at)))) };
}

const lost: Observation = {
  atMs: 20_000,
  snapshot: undefined,
  problem: { subject: "api", reason: "ApiNotListening", message: "refused", kind: "api" },
};

describe("a node whose stored state says Ready", () => {
  test.each<[string, Observation[]]>([
    ["with a lease from before the first look", [seen(0, BEFORE)]],
    ["with the same lease in every look", [seen(0, BEFORE), seen(5000, BEFORE), seen(30_000, BEFORE)]],
    ["renewed before the API server was lost, and not since", [seen(0, BEFORE), seen(5000, AFTER), lost, seen(30_000, AFTER)]],
    ["renewed while nobody could see it", [seen(0, BEFORE), seen(5000, AFTER), lost, seen(30_000, LATER)]],
  ])("is not Ready %s", (_, history) => {
    const verdict = judgeCluster({ rules: RULES, history, nowMs: 1e6 });
    expect(verdict.outcome).toBe("waiting");
    expect(wordsOf(verdict)).toMatch(/node guest NoHeartbeat .*since the API server came up/);
  });

  test("is not Ready once its kubelet is silent", () => {
    const history = [seen(0, BEFORE), seen(5000, AFTER), seen(70_000, AFTER)];
    expect(wordsOf(judgeCluster({ rules: RULES, history, nowMs: 70_000 }))).toMatch(/node guest NoHeartbeat .* for 65 s/);
  });

  test.each<[string, Observation[], number]>([
    ["from the renewal on that was seen", [seen(0, BEFORE), seen(5000, AFTER)], 5000],
    ["from the look on in which its lease appeared", [seen(0), seen(4000, AFTER)], 0],
    [
      "from the renewal on after the API server came back",
      [seen(0, AFTER), lost, seen(30_000, AFTER), seen(37_000, LATER)],
      37_000,
    ],
  ])("is Ready %s", (_, history, sinceMs) => {
    const nowMs = (history.at(-1)?.atMs ?? 0) + RULES.stabilityMs;
    expect(judgeCluster({ rules: RULES, history, nowMs })).toMatchObject({ outcome: "ready", sinceMs });
  });
});
