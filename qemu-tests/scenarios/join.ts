import { randomBytes } from "node:crypto";
import { CheckError, must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { apply, inPod, kubectl, podReady, readObject, renderShellPod, SLIM } from "./guest-questions.ts";
import { quote } from "../harness/format-shell-word.ts";
import { bootAgent, bootServer, mustEnd, mustJoin, TOKEN_FILE, typeJoin } from "./lab-cluster.ts";
import { type LabNetwork, openLabNetwork } from "./lab-network.ts";

const PORT = 8080;

/** One pod with a web server for each node, a service for all and one for each alone, so that a pod can be asked to reach itself through it. */
function renderEchoes(nodes: readonly string[]): string {
  const service = (name: string, selector: string, type: string): string => `---
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  type: ${type}
  selector: ${selector}
  ports: [{ port: 80, targetPort: ${PORT} }]
`;
  const script = `mkdir -p /www && hostname > /www/index.html && echo serving as $(hostname) && exec httpd -f -p ${PORT} -h /www`;
  const pods = nodes.map((node, index) =>
    renderShellPod(`echo-${index}`, {
      labels: `{ app: echo, echo: "${index}" }`,
      script,
      extra: `  nodeName: ${node}\n`,
    }),
  );
  return `${pods.join("---\n")}${service("echo", "{ app: echo }", "NodePort")}${nodes
    .map((_, index) => service(`echo-${index}`, `{ echo: "${index}" }`, "ClusterIP"))
    .join("")}`;
}

/** What is asked for, and what has to answer. */
interface Way {
  readonly url: string;
  readonly words: RegExp;
}

/** Tries until every URL gives what is expected, from inside a pod: rules and records of a new service take a moment to be everywhere. */
async function mustReach(lab: Lab, server: Guest, pod: string, ways: readonly Way[]): Promise<void> {
  const ask = ways
    .map(({ url }) => `got=$(wget -q -T 10 -O - ${quote(url)} 2>&1) || got="failed: $got"; echo \${got:-nothing}`)
    .join("; ");
  await lab.until(
    async () => {
      const answers = (await inPod(server, pod, ask, 30_000 * ways.length)).split("\n");
      const closed = ways.flatMap(({ url, words }, index) =>
        words.test(answers[index] ?? "") ? [] : [`${url}: ${answers[index] ?? "nothing"}`],
      );
      return closed.length === 0 ? undefined : `${pod} cannot reach ${closed.join("; ")}`;
    },
    { timeoutMs: 180_000, everyMs: 1000 },
  );
}

/** Every way from every pod: each other pod, a service by address and by name, a node's port on each node, itself through its own service. */
async function checkPackets(lab: Lab, server: Guest, nodes: readonly string[], network: LabNetwork): Promise<void> {
  await lab.check("a pod runs on every node", async () => {
    await apply(server, renderEchoes(nodes));
    await podReady(lab, server, nodes.map((_, index) => `echo-${index}`).join(" "));
  });
  const pods = nodes.map((_, index) => `echo-${index}`);
  const readAll = async (kind: string, field: string): Promise<readonly string[]> =>
    Promise.all(pods.map(async (name) => readObject(server, `${kind}/${name}`, field)));
  const addresses = await readAll("pods", "status.podIP");
  const own = await readAll("services", "spec.clusterIP");
  const clusterAddress = await readObject(server, "services/echo", "spec.clusterIP");
  const nodePort = await readObject(server, "services/echo", "spec.ports.0.nodePort");
  const shared: readonly Way[] = [
    clusterAddress,
    "echo.default.svc.cluster.local",
    ...nodes.map((_, index) => `${network.address(index + 1)}:${nodePort}`),
  ].map((where) => ({ url: `http://${where}/`, words: /^echo-\d$/u }));
  for (const [from, pod] of pods.entries()) {
    await lab.check(`from the pod on ${nodes[from]} packets reach every other pod`, async () => {
      const others = addresses.map((address, to) => ({
        url: `http://${address}:${PORT}/`,
        words: new RegExp(`^echo-${to}$`, "u"),
      }));
      await mustReach(
        lab,
        server,
        pod,
        others.filter((_, to) => to !== from),
      );
    });
    await lab.check(`from the pod on ${nodes[from]} packets reach a ClusterIP, a name, every node's port and itself`, async () => {
      await mustReach(lab, server, pod, [
        ...shared,
        { url: `http://${own[from] ?? ""}/`, words: new RegExp(`^echo-${from}$`, "u") },
      ]);
    });
  }
}

/** The server's ways into a pod that runs elsewhere. */
async function checkTunnels(lab: Lab, server: Guest, pod: string): Promise<void> {
  await lab.check("kubectl logs, exec and port-forward reach a pod on an agent", async () => {
    const logs = await kubectl(server, `logs ${pod}`);
    must(logs.includes(`serving as ${pod}`), `kubectl logs shows: ${logs}`);
    const name = await kubectl(server, `exec ${pod} -- hostname`);
    must(name === pod, `kubectl exec answers: ${name}`);
    const forward = await server.shell.stream(`exec k3s kubectl port-forward pod/${pod} 18080:${PORT}`);
    try {
      await lab.until(
        async () => {
          const got = await server.shell.run("busybox wget -q -T 10 -O - http://127.0.0.1:18080/", { timeoutMs: 60_000 });
          return got.stdout.trim() === pod ? undefined : `through port-forward came: ${got.stdout}${got.stderr}`;
        },
        { timeoutMs: 90_000, everyMs: 1000 },
      );
    } finally {
      await forward[Symbol.asyncDispose]();
    }
  });
}

/** What k3s leaves on a device: network cards, namespaces, mounts, rules. */
async function listTraces(agent: Guest): Promise<string> {
  return agent.sh(`{
    ip -o link show | grep -E ' (cni0|flannel|veth|kube-)' || true
    ip netns list
    findmnt -rno TARGET | grep -E '^/(run/(k3s|netns|flannel)|var/lib/(rancher|kubelet|cni))' || true
    { iptables-save; ip6tables-save; } 2>/dev/null | grep -E 'KUBE-|CNI-|FLANNEL|flannel' || true
    ls -d /etc/rancher/k3s/agent-token /etc/rancher/k3s/agent.env /var/lib/rancher/k3s/agent/*.kubeconfig /var/lib/kubelet 2>/dev/null || true
  } | head -n 20`);
}

/** VXLAN wraps pods' packets; host-gw leaves them as they are and writes routes. */
async function checkBackend(server: Guest, backend: string, network: LabNetwork): Promise<void> {
  if (backend === "vxlan") {
    const received = await server.sh("cat /sys/class/net/flannel.1/statistics/rx_packets");
    must(Number(received) > 0, `no packet came in over flannel.1: ${received}`);
    return;
  }
  const links = await server.sh("ip -o link show");
  must(!links.includes("flannel.1"), `there is a VXLAN card with host-gw: ${links}`);
  const routes = await server.sh("ip route");
  for (const index of [2, 3]) {
    must(routes.includes(`via ${network.address(index)} dev eth1`), `no route to the pods of agent ${index - 1}: ${routes}`);
  }
}

function defineJoin(name: string, backend: "vxlan" | "host-gw"): Scenario {
  const blocked = backend === "vxlan" ? "-p udp --dport 8472" : "-p tcp --dport 8080";
  return {
    name,
    about: `a server and two agents become one cluster whose pods reach each other, over flannel ${backend}`,
    minutes: 25,
    defects: [
      {
        name: "packets-dropped",
        about: "the first agent drops what the pods of other nodes send it",
        machine: (guest) => {
          if (guest !== "agent-1") return {};
          const rule = `iptables -t raw -I PREROUTING -i eth1 ${blocked} -j DROP`;
          const content = `[Service]\nExecStartPre=+/bin/sh -c "${rule}"\n`;
          return { handOver: { credentials: [{ name: "systemd.unit-dropin.k3s-agent.service", content }] } };
        },
        fails: { check: /packets reach every other pod/u, words: /cannot reach/u },
      },
      {
        name: "wrong-token",
        about: "the agents know another cluster's token",
        machine: (guest) =>
          guest === "server"
            ? {
                handOver: {
                  files: [
                    { path: "/etc/rancher/k3s/cluster-token", mode: "0600", content: `${randomBytes(16).toString("hex")}\n` },
                  ],
                },
              }
            : {},
        fails: { check: /joins before the server is up/u, words: /token/u },
      },
    ],
    run: async (lab) => {
      const network = openLabNetwork();
      const token = randomBytes(16).toString("hex");
      const url = `https://${network.address(1)}:6443`;
      const server = await bootServer(lab, network, { token, config: `${SLIM}flannel-backend: ${backend}\n` });
      // Both have the same host name, as devices flashed with one image do.
      const first = await bootAgent(lab, network, 2, { hostName: "device" });
      const second = await bootAgent(lab, network, 3, { hostName: "device" });
      for (const agent of [first, second]) await agent.shell.writeFile(TOKEN_FILE, `${token}\n`, { mode: 0o600 });

      await lab.check("agent-1 joins before the server is up, by waiting", async () => mustJoin(first, url, "--node-name agent-1"));
      await server.ready("the server and agent-1 are Ready", { nodeNames: ["server", "agent-1"] });

      await lab.check("a device that runs a server refuses to become an agent", async () => {
        await server.shell.writeFile(TOKEN_FILE, `${token}\n`, { mode: 0o600 });
        mustEnd(await typeJoin(server, url), 3, /runs a k3s server.*k3s agent --server/su);
      });
      await lab.check("a wrong token is refused, and said to be wrong", async () => {
        await second.shell.writeFile("/root/wrong", `K10${"0".repeat(64)}::server:${"1".repeat(32)}\n`, { mode: 0o600 });
        const result = await second.shell.run(`k3s-agent -t /root/wrong -s ${url} --timeout 120`, { timeoutMs: 240_000 });
        mustEnd(result, 1, /token/iu);
        await second.sh("k3s-clean");
      });
      await lab.check("a server that is not there is said to be unreachable", async () => {
        const result = await second.shell.run(`k3s-agent -t ${TOKEN_FILE} -s https://${network.address(9)}:6443 --timeout 45`, {
          timeoutMs: 240_000,
        });
        mustEnd(result, 4, /not joined.*Nothing answers at/su);
        await second.sh("k3s-clean");
      });
      await lab.check("agent-2 joins by a name of its own while the server restarts", async () => {
        await server
          .sh("cat /var/lib/rancher/k3s/server/node-token")
          .then(async (full) => second.shell.writeFile(TOKEN_FILE, `${full}\n`, { mode: 0o600 }));
        const joining = mustJoin(second, url, "--with-node-id");
        const [, restarted] = await Promise.allSettled([joining, server.sh("systemctl restart k3s", { timeoutMs: 300_000 })]);
        await joining;
        if (restarted.status === "rejected") throw new CheckError(`the server did not restart: ${restarted.reason}`);
      });
      const ready = await server.ready("three nodes are Ready", { nodeCount: 3, nodeNames: ["server", "agent-1"] });
      const third = ready.nodes.map((node) => node.name).find((node) => node !== "server" && node !== "agent-1") ?? "";
      await lab.check("the device with the clashing host name has its id in its node's name", async () => {
        must(/^device-[0-9a-f]{8}$/u.test(third), `the node is called ${third}`);
      });

      const nodes = ["server", "agent-1", third];
      await checkPackets(lab, server, nodes, network);
      await lab.check(`pods' packets went over flannel ${backend}`, async () => checkBackend(server, backend, network));
      await checkTunnels(lab, server, "echo-1");

      await lab.check("k3s-clean leaves nothing on an agent", async () => {
        await first.sh("k3s-clean", { timeoutMs: 300_000 });
        const traces = await listTraces(first);
        must(traces === "", `left behind: ${traces.replaceAll("\n", "; ")}`);
      });
      await lab.check("a cleaned agent joins again", async () => {
        await server.kube.remove("pods/echo-1", { graceSeconds: 0 });
        await server.kube.remove("/api/v1/nodes/agent-1");
        await mustJoin(first, url, "--node-name agent-1");
      });
      await server.ready("three nodes are Ready again", { nodeCount: 3, nodeNames: ["server", "agent-1", third] });
    },
  };
}

/** VXLAN, k3s's default. */
export const join = defineJoin("join", "vxlan");
/** Routes between machines of one Ethernet. */
export const joinHostGw = defineJoin("join-host-gw", "host-gw");
