import { expect, test } from "vitest";
import { parse } from "yaml";
import { renderHostKubeconfig } from "./render-kubeconfig.ts";

const guest = `apiVersion: v1
clusters:
  - cluster: { certificate-authority-data: QUJD, server: "https://127.0.0.1:6443" }
    name: default
contexts:
  - context: { cluster: default, user: default }
    name: default
current-context: default
kind: Config
users:
  - name: default
    user: { client-certificate-data: REVG, client-key-data: R0hJ }
`;

test("only the server's address changes", () => {
  const before = parse(guest) as { clusters: { cluster: { server: string } }[] };
  const after = parse(renderHostKubeconfig(guest, "https://127.0.0.1:40001")) as typeof before;
  expect(after.clusters[0]?.cluster.server).toBe("https://127.0.0.1:40001");
  for (const cluster of [before.clusters[0], after.clusters[0]]) if (cluster !== undefined) cluster.cluster.server = "";
  expect(after).toEqual(before);
});

test("what is no kubeconfig is refused", () => {
  expect(() => renderHostKubeconfig("hello: world", "https://x")).toThrow(/names no cluster/);
});
