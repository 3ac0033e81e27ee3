import { randomBytes } from "node:crypto";
import { GuestError } from "../../tools/core/errors.ts";
import { CheckError, must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { apply, readObject } from "./guest-questions.ts";
import { type LabNetwork, openLabNetwork } from "./lab-network.ts";

const NAMES = ["server-1", "server-2", "server-3"] as const;
const TOKEN_FILE = "/etc/rancher/k3s/cluster-token";
/** etcd elects another leader within seconds; the rest of k3s takes an emulated machine longer. */
const RECOVERY_MS = 300_000;
/** What a server answers, or does not, meanwhile. */
const AWAY: ReadonlySet<string> = new Set(["KUBE_API", "GUEST_PORT_CLOSED"]);

/** A joining server needs longer than a single one: the first, on the same processors, has to hand its datastore over. */
const JOIN_MS = 1_500_000;
/**
 * Emulated machines that share processors starve each other for many seconds, above all while one of them boots. etcd's members then elect another leader
 * after five (k3s: pkg/etcd/etcd.go), and k3s ends itself when a controller cannot renew its lease: after ten (kube-controller-manager(1),
 * kube-scheduler(1): flags of leader election) or thirty (wrangler: pkg/leader/leader.go). The cluster is the same with other times.
 */
const PATIENT_CONFIG = `etcd-arg: [heartbeat-interval=3000, election-timeout=30000]
${["kube-controller-manager-arg", "kube-scheduler-arg", "kube-cloud-controller-manager-arg"]
  .map((argument) => `${argument}: [leader-elect-lease-duration=120s, leader-elect-renew-deadline=100s]\n`)
  .join("")}`;
const PATIENT_ENVIRONMENT = "CATTLE_ELECTION_LEASE_DURATION=120s\nCATTLE_ELECTION_RENEW_DEADLINE=100s\n";
/**
 * What these servers can do without, for three of them have two emulated processors: no pod's own deadlines (CoreDNS has to answer a probe within a
 * second), no services. Nodes, objects and etcd are what it is about.
 */
const LEAN = `disable: [coredns, local-storage, metrics-server, traefik, servicelb]
disable-helm-controller: true
disable-kube-proxy: true
disable-network-policy: true
etcd-disable-snapshots: true
`;

/** A server of the cluster: the first one makes it, the others join it. Their disks outlive their machines. */
async function bootServer(lab: Lab, network: LabNetwork, name: string, token: string): Promise<Guest> {
  const index = NAMES.findIndex((known) => known === name) + 1;
  const config = `${LEAN}${PATIENT_CONFIG}node-ip: ${network.address(index)}
flannel-iface: eth1
token-file: ${TOKEN_FILE}
tls-san: [${network.address(index)}]
${index === 1 ? "cluster-init: true" : `server: https://${network.address(1)}:6443`}
`;
  return lab.boot(
    name,
    network.join(index, {
      keepDisks: true,
      // Three machines of two would wait for each other's locks on two processors.
      cpus: 1,
      kernelArguments: [`systemd.hostname=${name}`],
      handOver: {
        files: [
          { path: "/etc/rancher/k3s/config.yaml.d/60-lab.yaml", mode: "0600", content: config },
          { path: "/etc/default/k3s", mode: "0600", content: PATIENT_ENVIRONMENT },
          { path: TOKEN_FILE, mode: "0600", content: `${token}\n` },
        ],
      },
    }),
  );
}

/** Three servers on etcd of their own, of which one may be lost. A k3s with etcd compiled in, which the stand-in is not. */
export const etcdCluster: Scenario = {
  name: "etcd-cluster",
  about: "three servers on embedded etcd keep serving when the first one is lost, and take it back",
  minutes: 60,
  defects: [
    {
      name: "two-servers",
      about: "the third server does not come up",
      machine: (guest) => (guest === "server-3" ? { kernelArguments: ["systemd.mask=k3s.service"] } : {}),
      fails: { check: /three servers are Ready/u, words: /nodes are there/u },
    },
  ],
  run: async (lab) => {
    const network = openLabNetwork();
    const token = randomBytes(16).toString("hex");
    const first = await bootServer(lab, network, NAMES[0], token);
    await lab.check("its k3s has etcd compiled in", async () => {
      const help = await first.sh("k3s server --help");
      must(help.includes("--cluster-init"), "this k3s knows no --cluster-init: give a real one with --k3s FILE");
    });
    await first.ready("the first server is Ready");
    const second = await bootServer(lab, network, NAMES[1], token);
    // One after another: etcd takes one learner at a time.
    await second.ready("two servers are Ready", { nodeNames: NAMES.slice(0, 2), timeoutMs: JOIN_MS });
    await bootServer(lab, network, NAMES[2], token);
    await second.ready("three servers are Ready", { nodeNames: [...NAMES], timeoutMs: JOIN_MS });
    const value = randomBytes(8).toString("hex");
    await apply(first, `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kept }\ndata: { value: "${value}" }\n`);
    await first.machine.cutPower();

    await lab.check("with one server lost the others serve what was written, and take more", async () => {
      await lab.until(
        async () => {
          try {
            await apply(second, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: after }\n");
            return undefined;
          } catch (error) {
            if (!(error instanceof GuestError) || !AWAY.has(error.code)) throw error;
            return `nothing can be written: ${error.message}`;
          }
        },
        { timeoutMs: RECOVERY_MS, everyMs: 3000 },
      );
      const kept = await readObject(second, "configmaps/kept", "data.value");
      if (kept !== value) throw new CheckError(`the object says "${kept}" and not "${value}"`);
    });
    const back = await bootServer(lab, network, NAMES[0], token);
    await back.ready("the lost server is back, and three are Ready", {
      nodeNames: [...NAMES],
      timeoutMs: JOIN_MS,
    });
    await lab.check("it has what was written without it", async () => {
      await readObject(back, "configmaps/after", "metadata.name");
    });
  },
};
