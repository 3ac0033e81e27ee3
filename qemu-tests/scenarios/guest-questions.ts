import { CheckError } from "../../tools/scenario/check-error.ts";
import { quote } from "../harness/format-shell-word.ts";
import type { Guest, Lab } from "../../tools/scenario/scenario.ts";

/** Where k3s finds image archives and manifests (docs.k3s.io: airgap, packaged components). */
export const IMAGES_FOLDER = "/var/lib/rancher/k3s/agent/images";
export const MANIFESTS_FOLDER = "/var/lib/rancher/k3s/server/manifests";
/** k3s's own image for helper pods, part of every airgap archive: the only one with a shell. */
export const SHELL_IMAGE = "docker.io/rancher/mirrored-library-busybox:1.37.0";

/** A pod with a shell that lives until it is deleted. `extra` is YAML of the pod's spec, indented by two. */
export function renderShellPod(
  name: string,
  options: { image?: string; labels?: string; script?: string; extra?: string } = {},
): string {
  const { image = SHELL_IMAGE, labels = `{ app: ${name} }`, script = "sleep 1000000", extra = "" } = options;
  return `apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: ${labels} }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: shell
      image: ${image}
      imagePullPolicy: Never
      command: ["sh", "-c", ${JSON.stringify(script)}]
${extra}`;
}

/** Gives YAML to the API server. */
export async function apply(guest: Guest, yaml: string): Promise<void> {
  await guest.sh("k3s kubectl apply -f -", { input: yaml });
}

/** stdout of kubectl. */
export async function kubectl(guest: Guest, words: string): Promise<string> {
  return guest.sh(`k3s kubectl ${words}`);
}

/** Waits until a pod is Ready, by its condition; says its phase and containers' states otherwise. */
export async function podReady(lab: Lab, guest: Guest, pod: string, timeoutMs = 300_000): Promise<void> {
  const path = "{.status.conditions[?(@.type=='Ready')].status} {.status.phase} {.status.containerStatuses[*].state}";
  await lab.until(
    async () => {
      const seen = await guest.shell.run(`k3s kubectl get pod ${pod} -o jsonpath="${path}"`, { timeoutMs: 60_000 });
      if (seen.status !== 0) return `pod ${pod}: ${seen.stderr.trim()}`;
      return seen.stdout.startsWith("True ") ? undefined : `pod ${pod} is not Ready: ${seen.stdout}`;
    },
    { timeoutMs },
  );
}

/** Runs a command in a pod. Throws CheckError with its words unless it ends with 0. */
export async function inPod(guest: Guest, pod: string, command: string, timeoutMs = 60_000): Promise<string> {
  const result = await guest.shell.run(`k3s kubectl exec -i ${pod} -- sh -c ${quote(command)}`, { timeoutMs });
  if (result.status === 0) return result.stdout.trim();
  throw new CheckError(`in pod ${pod}, "${command}" ended with ${result.status}: ${(result.stderr || result.stdout).trim()}`);
}
