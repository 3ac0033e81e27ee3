import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { giveConfig, plantBeforeK3s } from "../harness/plant-fault.ts";
import { apply, IMAGES_FOLDER, podReady, readObject, readObjects, renderShellPod } from "./guest-questions.ts";
import { checkNetworkPolicy } from "./network-policy.ts";

const PORT = 8080;
const BALANCED_PORT = 8888;

/** The two ways in which iptables(8) reaches the kernel, by the word in its `--version`. */
type Backend = "nf_tables" | "legacy";
const PROGRAMS: Readonly<Record<Backend, string>> = { nf_tables: "iptables-nft", legacy: "iptables-legacy" };

/** Chooses the backend as an administrator of Debian does, before anything has written a rule. */
function chooseBackend(backend: Backend): string {
  const program = PROGRAMS[backend];
  return `update-alternatives --set iptables /usr/sbin/${program} && update-alternatives --set ip6tables /usr/sbin/${program.replace("ip", "ip6")}`;
}

async function checkBackend(lab: Lab, guest: Guest, backend: Backend): Promise<void> {
  await lab.check(`kube-proxy's rules are ${PROGRAMS[backend]}'s and no others`, async () => {
    const version = await guest.sh("iptables --version");
    must(version.includes(`(${backend})`), `iptables is ${version}`);
    const count = async (program: string): Promise<number> => Number(await guest.sh(`${program}-save | grep -c KUBE-SVC || true`));
    const used = await count(PROGRAMS[backend]);
    must(used > 0, "there is no rule for a service");
    const other = backend === "legacy" ? "nf_tables" : "legacy";
    const stray = await count(PROGRAMS[other]);
    must(stray === 0, `${stray} rules are ${PROGRAMS[other]}'s`);
  });
}

/** What another machine would do: a connection to one of the node's addresses, not to its loopback. */
async function mustServe(lab: Lab, guest: Guest, url: string): Promise<void> {
  await lab.until(
    async () => {
      const got = await guest.shell.run(`busybox wget -q -T 10 -O - ${url}`, { timeoutMs: 60_000 });
      return got.stdout.trim() === "served" ? undefined : `${url} answers: ${(got.stdout + got.stderr).trim()}`;
    },
    { timeoutMs: 120_000, everyMs: 1000 },
  );
}

/** The address that the node is known by, which is no loopback. */
async function readNodeAddress(guest: Guest): Promise<string> {
  const [addresses = "[]"] = await readObjects(guest, "/api/v1/nodes", "status.addresses");
  const known = JSON.parse(addresses) as readonly { type: string; address: string }[];
  const internal = known.find(({ type }) => type === "InternalIP");
  must(internal !== undefined, `the node has no address of its own: ${addresses}`);
  return internal?.address ?? "";
}

async function checkServices(lab: Lab, guest: Guest): Promise<void> {
  const script = `mkdir -p /www && echo served > /www/index.html && exec httpd -f -p ${PORT} -h /www`;
  const service = (name: string, type: string, port: number): string =>
    `---\napiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n  type: ${type}\n  selector: { app: web }\n  ports: [{ port: ${port}, targetPort: ${PORT} }]\n`;
  const node = await readNodeAddress(guest);
  await lab.check("a NodePort serves at the node's address", async () => {
    await apply(
      guest,
      renderShellPod("web", { script }) + service("web", "NodePort", 80) + service("edge", "LoadBalancer", BALANCED_PORT),
    );
    await podReady(lab, guest, "web");
    const port = await readObject(guest, "services/web", "spec.ports.0.nodePort");
    await mustServe(lab, guest, `http://${node}:${port}/`);
  });
  await lab.check("a LoadBalancer service is given the node's address and serves there", async () => {
    await lab.until(
      async () => {
        const address = await readObject(guest, "services/edge", "status.loadBalancer.ingress.0.ip");
        if (address === node) return undefined;
        const selector = "labelSelector=svccontroller.k3s.cattle.io/svcname=edge";
        const pods = await readObjects(guest, `/api/v1/namespaces/kube-system/pods?${selector}`, "status.containerStatuses");
        return `its address is "${address}", the node's is ${node}; its pods: ${pods.join(" ") || "none"}`;
      },
      { timeoutMs: 180_000, everyMs: 3000 },
    );
    await mustServe(lab, guest, `http://${node}:${BALANCED_PORT}/`);
  });
  await lab.check("a LoadBalancer service that is deleted serves no more", async () => {
    await guest.kube.remove("services/edge");
    await lab.until(
      async () => {
        const got = await guest.shell.run(`busybox wget -q -T 5 -O - http://${node}:${BALANCED_PORT}/`, { timeoutMs: 60_000 });
        return got.status === 0 ? `port ${BALANCED_PORT} still answers` : undefined;
      },
      { timeoutMs: 120_000, everyMs: 3000 },
    );
  });
}

function defineNetwork(name: string, backend: Backend): Scenario {
  return {
    name,
    about: `NetworkPolicies, NodePorts and LoadBalancers work by packets with ${PROGRAMS[backend]}`,
    minutes: 12,
    defects: [
      {
        name: "no-policy",
        about: "nothing enforces NetworkPolicies",
        machine: () => ({ handOver: giveConfig("disable-network-policy: true\n") }),
        fails: { check: /keeps a stranger's packets out/u, words: /stranger still reaches/u },
      },
      {
        name: "no-balancer-image",
        about: "the load balancer's image is not on the device",
        machine: () => ({ handOver: plantBeforeK3s(`rm -f ${IMAGES_FOLDER}/*klipper-lb*`) }),
        fails: { check: /given the node's address/u, words: /klipper-lb/u },
      },
    ],
    run: async (lab) => {
      const guest = await lab.boot("device", {
        restrictNetwork: true,
        handOver: {
          files: [
            {
              path: "/etc/rancher/k3s/config.yaml.d/40-lab.yaml",
              mode: "0600",
              content: "disable: [local-storage, metrics-server, traefik]\n",
            },
            { path: "/run/meta-k3s-lab/choose", mode: "0755", content: `#!/bin/sh\n${chooseBackend(backend)}\n` },
          ],
          credentials: [
            { name: "systemd.unit-dropin.k3s.service~lab", content: "[Service]\nExecStartPre=+/run/meta-k3s-lab/choose\n" },
          ],
        },
      });
      await guest.ready("the server is Ready with a load balancer");
      await checkBackend(lab, guest, backend);
      await checkServices(lab, guest);
      await checkNetworkPolicy(lab, guest);
    },
  };
}

/** nf_tables, which every kernel of today has. */
export const network = defineNetwork("network", "nf_tables");
/** ip_tables, for kernels and rules of yesterday. */
export const networkLegacy = defineNetwork("network-legacy", "legacy");
