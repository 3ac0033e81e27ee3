import { describe, expect, test } from "vitest";
import { parseApiList, parseKubectlList, parseWatchEvent } from "./parse-kubectl.ts";
import { renderKubectlList, renderNode, renderPod, renderReadyCluster } from "./testing/render-cluster.ts";

describe("a list of kubectl", () => {
  test("is sorted by kind", () => {
    const snapshot = parseKubectlList(renderKubectlList(renderReadyCluster()));
    expect(snapshot.nodes.map((node) => node.name)).toEqual(["guest"]);
    expect(snapshot.jobs).toHaveLength(2);
    expect(snapshot.workloads.filter((workload) => workload.kind === "Deployment")).toHaveLength(4);
    expect(snapshot.pods).toHaveLength(7);
  });

  test("keeps how a container ended, now and before", () => {
    const pod = renderPod("x");
    pod.status["initContainerStatuses"] = [{ name: "init", state: { terminated: { exitCode: 0, reason: "Completed" } } }];
    pod.status["containerStatuses"] = [
      {
        name: "main",
        image: "i",
        restartCount: 3,
        state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } },
        lastState: { terminated: { exitCode: 139, reason: "Error", finishedAt: "2026-11-21T15:00:00Z" } },
      },
    ];
    const [init, main] = parseKubectlList(renderKubectlList([pod])).pods[0]?.containers ?? [];
    expect(init).toMatchObject({ init: true, state: "terminated", exitCode: 0 });
    expect(main).toMatchObject({
      state: "waiting",
      reason: "CrashLoopBackOff",
      restartCount: 3,
      lastTermination: { exitCode: 139, reason: "Error" },
    });
  });

  test("fills in what the API leaves out", () => {
    const pod = { kind: "Pod", metadata: { name: "p", uid: "u" } };
    expect(parseKubectlList(renderKubectlList([pod])).pods).toMatchObject([
      { phase: "", containers: [], conditions: [], terminating: false },
    ]);
    expect(parseKubectlList('{"kind":"List","items":null}').pods).toEqual([]);
  });

  test.each([
    ["", /is not what the Kubernetes API gives/],
    ["The connection to the server was refused", /it begins: The connection/],
    ['{"kind":"List","items":[{"kind":"Pod"}]}', /metadata/],
    ['{"kind":"List","items":[{"kind":"Node","metadata":{"name":"n","uid":"u"},"status":{"conditions":"none"}}]}', /conditions/],
  ])("that is none (%j) is an error with its beginning", (text, words) => {
    expect(() => parseKubectlList(text)).toThrow(words);
  });
});

describe("the API server's answers", () => {
  test("a list's items have no kind of their own", () => {
    const { kind: _kind, ...node } = renderNode("guest");
    const list = parseApiList(JSON.stringify({ kind: "NodeList", metadata: { resourceVersion: "42" }, items: [node] }));
    expect(list).toMatchObject({ resourceVersion: "42", objects: [{ kind: "Node", state: { name: "guest" } }] });
  });

  test("a watch's lines are changes, bookmarks and errors", () => {
    const object = { ...renderPod("x"), metadata: { ...renderPod("x").metadata, resourceVersion: "7" } };
    const parse = (type: string): unknown => parseWatchEvent(JSON.stringify({ type, object }));
    expect(parse("ADDED")).toMatchObject({ type: "put", resourceVersion: "7", object: { kind: "Pod" } });
    expect(parse("MODIFIED")).toMatchObject({ type: "put" });
    expect(parse("DELETED")).toMatchObject({ type: "delete" });
    expect(parse("BOOKMARK")).toEqual({ type: "bookmark", resourceVersion: "7" });
    const gone = { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired", message: "too old" } };
    expect(parseWatchEvent(JSON.stringify(gone))).toEqual({ type: "error", code: 410, message: "too old" });
    expect(() => parseWatchEvent('{"type":"ADDED"')).toThrow(/watch is not what/);
  });
});
