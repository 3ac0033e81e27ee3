import pRetry from "p-retry";
import { CheckError } from "../../tools/scenario/check-error.ts";
import { quote } from "../harness/format-shell-word.ts";
import type { Guest } from "../../tools/scenario/scenario.ts";

/** Where k3s finds image archives and manifests (docs.k3s.io: airgap, packaged components). */
export const IMAGES_FOLDER = "/var/lib/rancher/k3s/agent/images";
export const MANIFESTS_FOLDER = "/var/lib/rancher/k3s/server/manifests";
/** k3s's own image for helper pods, part of every airgap archive: the only one with a shell. */
export const SHELL_IMAGE = "docker.io/rancher/mirrored-library-busybox:1.37.0";
/** Configuration of k3s with CoreDNS alone: what a scenario does not look at costs an emulated machine a minute. */
export const SLIM = "disable: [local-storage, metrics-server, traefik, servicelb]\n";

/** A container's first process ignores SIGTERM unless it handles it, and systemd waits 90 s for such a one at a shutdown. */
const SLEEP = "trap 'exit 0' TERM; sleep 1000000 & wait";

/** A pod with a shell that lives until it is deleted. `extra` is YAML of the pod's spec, indented by two. */
export function renderShellPod(
  name: string,
  options: { image?: string; labels?: string; script?: string; extra?: string } = {},
): string {
  const { image = SHELL_IMAGE, labels = `{ app: ${name} }`, script = SLEEP, extra = "" } = options;
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

/** Reasons with which an API server that is too busy asks for the same once more (k8s.io/apimachinery, pkg/api/errors: IsTimeout and the like). */
const BUSY = /Error from server \((?:Timeout|ServerTimeout|TooManyRequests)\)/u;

/** Gives YAML to the API server; what is applied already stays as it is, so that a server that was too busy is asked again. */
export async function apply(guest: Guest, yaml: string): Promise<void> {
  await pRetry(async () => guest.sh("k3s kubectl apply -f -", { input: yaml }), {
    retries: 3,
    minTimeout: 10_000,
    shouldRetry: ({ error }) => BUSY.test(error.message),
  });
}

/** stdout of kubectl. */
export async function kubectl(guest: Guest, words: string): Promise<string> {
  return guest.sh(`k3s kubectl ${words}`);
}

/**
 * Waits until each of the pods, named with blanks between them, is Ready by its condition. One kubectl that waits: starting one again and again would
 * take the processor that an emulated guest needs for the pod. Throws CheckError with each pod's phase and containers' states otherwise.
 */
export async function podReady(guest: Guest, pods: string, timeoutMs = 300_000): Promise<void> {
  const names = pods.split(" ").map((pod) => `pod/${pod}`);
  const seconds = Math.floor(timeoutMs / 1000);
  const command = `k3s kubectl wait --for=condition=Ready ${names.join(" ")} --timeout=${seconds}s`;
  const waited = await guest.shell.run(command, { timeoutMs: timeoutMs * names.length + 60_000 });
  if (waited.status === 0) return;
  const path = '{range .items[*]}{.metadata.name}: {.status.phase} {.status.containerStatuses[*].state}{"\\n"}{end}';
  const states = await guest.shell.run(`k3s kubectl get pods -o jsonpath='${path}'`, { timeoutMs: 60_000 });
  throw new CheckError(`not Ready: ${waited.stderr.trim()}; ${states.stdout.trim().replaceAll("\n", "; ")}${states.stderr.trim()}`);
}

/** Runs a command in a pod. Throws CheckError with its words unless it ends with 0. */
export async function inPod(guest: Guest, pod: string, command: string, timeoutMs = 60_000): Promise<string> {
  const result = await guest.shell.run(`k3s kubectl exec -i ${pod} -- sh -c ${quote(command)}`, { timeoutMs });
  if (result.status === 0) return result.stdout.trim();
  throw new CheckError(`in pod ${pod}, "${command}" ended with ${result.status}: ${(result.stderr || result.stdout).trim()}`);
}
