import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab } from "../../tools/scenario/scenario.ts";
import { quote } from "../harness/format-shell-word.ts";
import { apply, kubectl, podReady, renderShellPod } from "./guest-questions.ts";

const PORT = 8080;

const POLICY = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: friends-only }
spec:
  podSelector: { matchLabels: { app: vault } }
  policyTypes: [Ingress]
  ingress:
    - from: [{ podSelector: { matchLabels: { app: friend } } }]
`;

/** What a pod gets from a URL, or undefined when no answer comes. One try, so that "not yet" and "never" are the caller's to tell apart. */
async function fetchFrom(guest: Guest, pod: string, url: string): Promise<string | undefined> {
  const got = await guest.shell.run(`k3s kubectl exec ${pod} -- wget -q -T 4 -O - ${quote(url)}`, { timeoutMs: 90_000 });
  return got.status === 0 ? got.stdout.trim() : undefined;
}

/**
 * A policy that lets only one pod in: packets of that pod pass and those of another do not, at the pod's own address and through its service;
 * without the policy all pass again. Leaves the three pods behind.
 */
export async function checkNetworkPolicy(lab: Lab, guest: Guest): Promise<void> {
  const script = `mkdir -p /www && echo treasure > /www/index.html && exec httpd -f -p ${PORT} -h /www`;
  const service = `apiVersion: v1\nkind: Service\nmetadata: { name: vault }\nspec:\n  selector: { app: vault }\n  ports: [{ port: 80, targetPort: ${PORT} }]\n`;
  let urls: readonly string[] = [];
  const answers = async (pod: string): Promise<readonly boolean[]> => {
    const seen: boolean[] = [];
    for (const url of urls) seen.push((await fetchFrom(guest, pod, url)) === "treasure");
    return seen;
  };
  const settle = async (pod: string, reaches: boolean): Promise<void> =>
    lab.until(
      async () => {
        const seen = await answers(pod);
        const wrong = urls.filter((_, index) => seen[index] !== reaches);
        return wrong.length === 0 ? undefined : `pod ${pod} ${reaches ? "cannot reach" : "still reaches"} ${wrong.join(" and ")}`;
      },
      { timeoutMs: 180_000, everyMs: 1000 },
    );

  await lab.check("without a NetworkPolicy every pod reaches another", async () => {
    const pods = [renderShellPod("vault", { script }), renderShellPod("friend"), renderShellPod("stranger")];
    await apply(guest, [...pods, service].join("---\n"));
    for (const pod of ["vault", "friend", "stranger"]) await podReady(lab, guest, pod);
    const [podAddress, serviceAddress] = [
      await kubectl(guest, "get pod vault -o jsonpath={.status.podIP}"),
      await kubectl(guest, "get service vault -o jsonpath={.spec.clusterIP}"),
    ];
    urls = [`http://${podAddress}:${PORT}/`, `http://${serviceAddress}/`];
    await settle("friend", true);
    await settle("stranger", true);
  });
  await lab.check("a NetworkPolicy keeps a stranger's packets out", async () => {
    await apply(guest, POLICY);
    await settle("stranger", false);
  });
  await lab.check("a NetworkPolicy lets a friend's packets in", async () => {
    await settle("friend", true);
    must(
      (await answers("stranger")).every((reached) => !reached),
      "meanwhile the stranger got in",
    );
  });
  await lab.check("without the NetworkPolicy the stranger gets in again", async () => {
    await kubectl(guest, "delete networkpolicy friends-only");
    await settle("stranger", true);
  });
}
