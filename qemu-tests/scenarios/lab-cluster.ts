import type { GuestResult } from "../../tools/cluster/guest-shell.ts";
import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, GuestOptions, Lab } from "../../tools/scenario/scenario.ts";
import type { LabNetwork } from "./lab-network.ts";

/** What an agent needs beside the server, unless a scenario is about having less. */
const AGENT_MEMORY_MIB = 1024;
const JOIN_TIMEOUT_MS = 600_000;
/** Where a person on the device has put the token. */
export const TOKEN_FILE = "/root/token";

export interface ServerOptions {
  readonly token: string;
  /** Further lines of its config.yaml. */
  readonly config: string;
  readonly memoryMib?: number;
}

/** A server that all machines of the lab reach at its second network card, and whose token is made for this run. */
export async function bootServer(lab: Lab, network: LabNetwork, options: ServerOptions): Promise<Guest> {
  const { token, config, ...machine } = options;
  const own = `node-ip: ${network.address(1)}
flannel-iface: eth1
token-file: /etc/rancher/k3s/cluster-token
tls-san: [${network.address(1)}]
`;
  return lab.boot(
    "server",
    network.join(1, {
      ...machine,
      kernelArguments: ["systemd.hostname=server"],
      handOver: {
        files: [
          { path: "/etc/rancher/k3s/config.yaml.d/60-lab.yaml", mode: "0600", content: own + config },
          { path: "/etc/rancher/k3s/cluster-token", mode: "0600", content: `${token}\n` },
        ],
      },
    }),
  );
}

/** What the image says that only a server knows. An image for agents is without it, for k3s's agent does not start with it. */
const SERVER_SETTINGS = "/etc/rancher/k3s/config.yaml.d/20-server.yaml";

/** A device with nothing but the layer's files on it: the image's server is masked and has no settings, as on an image without one. */
export async function bootAgent(
  lab: Lab,
  network: LabNetwork,
  index: number,
  options: Pick<GuestOptions, "memoryMib" | "keepDisks" | "diskCache"> & { hostName: string },
): Promise<Guest> {
  const { hostName, ...machine } = options;
  const config = `node-ip: ${network.address(index)}\nflannel-iface: eth1\n`;
  return lab.boot(
    `agent-${index - 1}`,
    network.join(index, {
      ...machine,
      memoryMib: machine.memoryMib ?? AGENT_MEMORY_MIB,
      cpus: 1,
      kernelArguments: ["systemd.mask=k3s.service", `systemd.hostname=${hostName}`],
      handOver: {
        files: [
          { path: SERVER_SETTINGS, mode: "0600", content: "# none\n" },
          { path: "/etc/rancher/k3s/config.yaml.d/60-lab.yaml", mode: "0600", content: config },
        ],
      },
    }),
  );
}

/** What a person types on the device. */
export async function typeJoin(agent: Guest, server: string, words = "", timeoutMs = JOIN_TIMEOUT_MS): Promise<GuestResult> {
  const seconds = Math.floor(timeoutMs / 1000) - 30;
  return agent.shell.run(`k3s-agent -t ${TOKEN_FILE} -s ${server} --timeout ${seconds} ${words}`, { timeoutMs });
}

/** Throws CheckError unless the command ended with this status and these words. */
export function mustEnd(result: GuestResult, status: number, words: RegExp): void {
  const said = `${result.stdout}${result.stderr}`.trim();
  must(result.status === status, `it ended with ${result.status} instead of ${status}: ${said}`);
  must(words.test(said), `it does not say ${words.source}: ${said}`);
}

export async function mustJoin(agent: Guest, server: string, words = ""): Promise<void> {
  const result = await typeJoin(agent, server, words);
  mustEnd(result, 0, /joined/u);
}
