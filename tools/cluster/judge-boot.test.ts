import { describe, expect, test } from "vitest";
import { type GuestBoot, noteBoot } from "./judge-boot.ts";
import { judgeCluster, type Verdict } from "./judge-cluster.ts";
import { type GuestHealth, parseGuestHealth } from "./parse-guest-health.ts";
import { renderContainerStatus, renderNode, renderPod } from "./testing/render-cluster.ts";
import { type Change, RULES, snapshotOf, spoil, wordsOf } from "./testing/spoil-cluster.ts";

const THIS = "0d6b8d0e-7f0c-4f43-8f3d-1f6f0e7d6a11";
const OTHER = "5b6f2a34-6c6f-4a5e-9d52-5f2f5c3f7f10";
const BOOT: GuestBoot = { id: THIS, startedAtMs: Date.parse("2026-11-21T14:59:00Z") };

const reports = (id: string): Change =>
  spoil("Node", "guest", (node) => void (node.status["nodeInfo"] = { ...(node.status["nodeInfo"] as object), bootID: id }));
const startedAt = (time: string): Change =>
  spoil("Pod", "coredns-1-a", (pod) => {
    pod.status["containerStatuses"] = [{ ...renderContainerStatus("main"), state: { running: { startedAt: time } } }];
  });

/** A node of another machine and two pods nobody has to ask about, all with containers of long ago. */
const elsewhere: Change = (objects) => {
  const old = [{ ...renderContainerStatus("main"), state: { running: { startedAt: "2026-11-20T00:00:00Z" } } }];
  const there = renderPod("there");
  const mine = renderPod("mine", undefined, "default");
  there.spec["nodeName"] = "another";
  for (const pod of [there, mine]) pod.status["containerStatuses"] = old;
  objects.push(renderNode("another"), there, mine);
};

function sample(bootId: string, uptimeS: number, clock: string): GuestHealth {
  const lines = [`uptime ${uptimeS}`, "MemTotal: 2021180 kB", "MemAvailable: 913244 kB", `boot ${bootId}`];
  const health = parseGuestHealth([...lines, `date ${Date.parse(clock) / 1000}`]);
  if (health === undefined) throw new Error("the test's sample lacks something");
  return health;
}

function verdictOf(boot: GuestBoot | undefined, rules: typeof RULES, ...changes: Change[]): Verdict {
  const nowMs = rules.stabilityMs;
  return judgeCluster({ rules, history: [{ atMs: 0, snapshot: snapshotOf(...changes), boot }], nowMs });
}

describe("after a restart of the machine", () => {
  test("a node that reports another boot is not Ready, whatever is stored of it", () => {
    expect(wordsOf(verdictOf(BOOT, RULES, reports(OTHER)))).toMatch(/node guest OtherBoot its kubelet has not reported since/u);
  });

  test("a pod is not Ready while the container that runs by the API server is older than the machine", () => {
    const words = wordsOf(verdictOf(BOOT, RULES, reports(THIS), startedAt("2026-11-21T14:58:50Z")));
    expect(words).toMatch(
      /^pod kube-system\/coredns-1-a OtherBoot container main: .* \(2026-11-21T14:58:50Z, 2026-11-21T14:59:00Z\)$/u,
    );
  });

  test.each<[string, GuestBoot | undefined, Change[]]>([
    ["all has started since", BOOT, [reports(THIS)]],
    ["a container started within the clock's precision", BOOT, [reports(THIS), startedAt("2026-11-21T14:58:56Z")]],
    ["nothing is known of the machine", undefined, [reports(OTHER), startedAt("2026-11-20T00:00:00Z")]],
    ["the API server says no boot of the node", BOOT, [startedAt("2026-11-20T00:00:00Z")]],
  ])("it is Ready when %s", (_, boot, changes) => {
    expect(verdictOf(boot, RULES, ...changes).outcome).toBe("ready");
  });

  test("the pods of other machines' nodes, and of namespaces that nobody judges, are not asked", () => {
    const rules = { ...RULES, expectations: { ...RULES.expectations, nodeCount: 2 } };
    expect(verdictOf(BOOT, rules, reports(THIS), elsewhere).outcome).toBe("ready");
    expect(verdictOf(BOOT, rules, reports(OTHER), elsewhere).outcome).toBe("ready");
  });
});

describe("a machine's start", () => {
  test("is the clock less the uptime, by the earliest reading where the clock was set", () => {
    const first = noteBoot(undefined, sample(THIS, 30, "1970-01-01T00:00:40Z"));
    expect(first).toEqual({ id: THIS, startedAtMs: 10_000 });
    expect(noteBoot(first, sample(THIS, 60, "2026-11-21T15:00:00Z"))).toEqual(first);
    expect(noteBoot(first, sample(THIS, 60, "1970-01-01T00:01:05Z"))).toEqual({ id: THIS, startedAtMs: 5000 });
  });

  test("is another one with another id", () => {
    const first = noteBoot(undefined, sample(THIS, 30, "1970-01-01T00:00:40Z"));
    const second = noteBoot(first, sample(OTHER, 60, "2026-11-21T15:00:00Z"));
    expect(second).toEqual({ id: OTHER, startedAtMs: Date.parse("2026-11-21T14:59:00Z") });
  });

  test("stays what is known where a sample does not tell", () => {
    expect(noteBoot(BOOT, { ...sample(THIS, 30, "1970-01-01T00:00:40Z"), bootId: undefined })).toBe(BOOT);
    expect(noteBoot(BOOT, { ...sample(OTHER, 30, "1970-01-01T00:00:40Z"), clockMs: undefined })).toBe(BOOT);
  });
});
