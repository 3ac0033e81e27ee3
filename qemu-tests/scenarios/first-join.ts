import { randomBytes } from "node:crypto";
import { KubeStatusError } from "../../tools/cluster/kube-error.ts";
import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { idleScript } from "../harness/plant-fault.ts";
import { SLIM } from "./guest-questions.ts";
import { bootAgent, bootServer, TOKEN_FILE, typeJoin } from "./lab-cluster.ts";
import { openLabNetwork } from "./lab-network.ts";

const JOINING_MS = 600_000;
const TAKEN_BACK_MS = 300_000;
const READY_MS = 900_000;
/** With "writeback" what the guest did not flush is lost with QEMU. */
const DEVICE = { hostName: "agent-1", keepDisks: true, diskCache: "writeback" } as const;
/** Where a server keeps the hash of a node's password from its first word on (k3s: pkg/nodepassword). */
const PASSWORD = "/api/v1/namespaces/kube-system/secrets/agent-1.node-password.k3s";

async function waitPassword(lab: Lab, server: Guest): Promise<void> {
  await lab.until(
    async () => {
      try {
        await server.kube.get(PASSWORD);
      } catch (error) {
        if (error instanceof KubeStatusError && error.status === 404) return "the server knows no password of agent-1";
        throw error;
      }
      return undefined;
    },
    { timeoutMs: JOINING_MS, everyMs: 500 },
  );
}

/** Until the agent's unit is active, which it is once the server has let the node in; else what k3s says that it waits for. */
async function waitTakenBack(lab: Lab, agent: Guest): Promise<void> {
  await lab.until(
    async () => {
      const active = await agent.shell.run("systemctl is-active k3s-agent");
      if (active.status === 0) return undefined;
      const said = await agent.sh("journalctl -b -u k3s-agent -o cat | grep -E 'not ready|level=(error|fatal)' | tail -n 1");
      return `k3s-agent is ${active.stdout.trim()}: ${said.trim()}`;
    },
    { timeoutMs: TAKEN_BACK_MS, everyMs: 3000 },
  );
}

async function cutOnPassword(lab: Lab, server: Guest, agent: Guest): Promise<void> {
  try {
    await waitPassword(lab, server);
  } finally {
    await agent.machine.cutPower();
  }
}

/** The moment from which a server knows an agent by what the agent has not written down yet. */
export const firstJoin: Scenario = {
  name: "first-join",
  about: "an agent whose power is cut while it joins comes back as the node that its server has begun to know",
  minutes: 15,
  defects: [
    {
      name: "unflushed-password",
      about: "the node's password is k3s's own to make, which does not flush it",
      machine: () => ({ handOver: idleScript("ensure-node-identity") }),
      fails: { check: /lets it in again/u, words: /Node password rejected/u },
    },
  ],
  run: async (lab) => {
    const network = openLabNetwork();
    const token = randomBytes(16).toString("hex");
    const server = await bootServer(lab, network, { token, config: SLIM });
    await server.ready("the server is Ready", { timeoutMs: READY_MS });
    const agent = await bootAgent(lab, network, 2, DEVICE);
    await agent.shell.writeFile(TOKEN_FILE, `${token}\n`, { mode: 0o600 });
    await lab.check("the server knows the agent's password", async () => {
      const cutting = cutOnPassword(lab, server, agent);
      const [typed] = await Promise.allSettled([typeJoin(agent, `https://${network.address(1)}:6443`), cutting]);
      await cutting;
      must(typed.status === "rejected", "the agent had joined before its power was cut");
    });
    const again = await bootAgent(lab, network, 2, DEVICE);
    await lab.check("its server lets it in again", async () => waitTakenBack(lab, again));
    await server.ready("both nodes are Ready", { timeoutMs: READY_MS, nodeNames: ["server", "agent-1"] });
  },
};
