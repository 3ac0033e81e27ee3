import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab } from "../../tools/scenario/scenario.ts";
import { apply, podReady, readObject, renderShellPod } from "./guest-questions.ts";

const PORT = 8080;
/**
 * k3s enforces policies from the first status on that kubelet reports once flannel is up, and tells kubelet to report an unchanged one every five
 * minutes (k3s: pkg/agent/netpol/netpol.go, pkg/daemons/agent/agent.go), to which kubelet adds up to half of that (Kubernetes:
 * pkg/kubelet/kubelet_node_status.go, calculateDelay). On a slow machine that is after everything is Ready.
 */
const ENFORCED_MS = 480_000;

const VAULT = `${renderShellPod("vault", {
  script: `mkdir -p /www && echo treasure > /www/index.html && exec httpd -f -p ${PORT} -h /www`,
})}---
apiVersion: v1
kind: Service
metadata: { name: vault }
spec:
  selector: { app: vault }
  ports: [{ port: 80, targetPort: ${PORT} }]
`;

const POLICY = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: friends-only }
spec:
  podSelector: { matchLabels: { app: vault } }
  policyTypes: [Ingress]
  ingress:
    - from: [{ podSelector: { matchLabels: { app: friend } } }]
`;

/** A pod that asks every URL again and again and writes a line of "yes" and "no": a process for each question would cost an emulated guest seconds. */
function renderAsker(name: string, urls: readonly string[]): string {
  const script = `while :; do seen=asked; for url in ${urls.join(" ")}; do
if [ "$(wget -q -T 2 -O - "$url" 2>/dev/null)" = treasure ]; then seen="$seen yes"; else seen="$seen no"; fi; done; echo "$seen"; sleep 1; done`;
  return renderShellPod(name, { script });
}

/**
 * A policy that lets only one pod in: packets of that pod pass and those of another do not, at the pod's own address and through its service;
 * without the policy all pass again. Leaves the three pods behind.
 */
export async function checkNetworkPolicy(lab: Lab, guest: Guest): Promise<void> {
  let urls: readonly string[] = [];
  /** What a pod saw last, a word a URL, from the log that kubelet keeps of it (/var/log/pods/NAMESPACE_POD_UID/CONTAINER/N.log). */
  const readSeen = async (pod: string): Promise<readonly string[]> => {
    const line = await guest.sh(`tail -q -n 1 /var/log/pods/default_${pod}_*/shell/*.log`);
    return /asked ((?:yes|no)(?: (?:yes|no))*)$/u.exec(line)?.[1]?.split(" ") ?? [];
  };
  const settle = async (pod: string, word: "yes" | "no"): Promise<void> =>
    lab.until(
      async () => {
        const seen = await readSeen(pod);
        if (seen.length !== urls.length) return `pod ${pod} has not asked yet`;
        const wrong = urls.filter((_, index) => seen[index] !== word);
        return wrong.length === 0
          ? undefined
          : `pod ${pod} ${word === "yes" ? "cannot reach" : "still reaches"} ${wrong.join(" and ")}`;
      },
      { timeoutMs: ENFORCED_MS, everyMs: 1000 },
    );

  await lab.check("without a NetworkPolicy every pod reaches another", async () => {
    await apply(guest, VAULT);
    await podReady(lab, guest, "vault");
    const address = await readObject(guest, "pods/vault", "status.podIP");
    const service = await readObject(guest, "services/vault", "spec.clusterIP");
    urls = [`http://${address}:${PORT}/`, `http://${service}/`];
    await apply(guest, ["friend", "stranger"].map((pod) => renderAsker(pod, urls)).join("---\n"));
    await podReady(lab, guest, "friend stranger");
    await settle("friend", "yes");
    await settle("stranger", "yes");
  });
  await lab.check("a NetworkPolicy keeps a stranger's packets out", async () => {
    await apply(guest, POLICY);
    await settle("stranger", "no");
  });
  await lab.check("a NetworkPolicy lets a friend's packets in", async () => {
    await settle("friend", "yes");
    must(!(await readSeen("stranger")).includes("yes"), "meanwhile the stranger got in");
  });
  await lab.check("without the NetworkPolicy the stranger gets in again", async () => {
    await guest.kube.remove("/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/friends-only");
    await settle("stranger", "yes");
  });
}
