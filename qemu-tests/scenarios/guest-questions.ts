import { CheckError } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab } from "../../tools/scenario/scenario.ts";

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

/** Gives YAML to the API server; what is applied already stays as it is. */
export async function apply(guest: Guest, yaml: string): Promise<void> {
  await guest.kube.apply(yaml);
}

/** stdout of the guest's own kubectl, whose start costs an emulated guest seconds: for what is about kubectl, or asked once. */
export async function kubectl(guest: Guest, words: string): Promise<string> {
  return guest.sh(`k3s kubectl ${words}`);
}

/** A value in an object, by the names that lead to it with dots between them; "" where there is none. */
function readField(object: unknown, field: string): string {
  let value = object;
  for (const name of field.split(".")) {
    value = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** One value of an object: `readObject(guest, "pods/web", "status.podIP")`. Throws KubeStatusError when there is no such object. */
export async function readObject(guest: Guest, path: string, field: string): Promise<string> {
  return readField(await guest.kube.get(path), field);
}

/** The same value of each object of a list: `readObjects(guest, "/api/v1/nodes", "metadata.name")`. */
export async function readObjects(guest: Guest, path: string, field: string): Promise<readonly string[]> {
  const { items = [] } = await guest.kube.get(path);
  return items.map((item) => readField(item, field));
}

/** "" for a pod that is Ready by its condition, else what it is instead. */
async function lookAtPod(guest: Guest, name: string): Promise<string> {
  const pod = await guest.kube.get(`pods/${name}`);
  const conditions = JSON.parse(readField(pod, "status.conditions") || "[]") as readonly { type: string; status: string }[];
  if (conditions.some(({ type, status }) => type === "Ready" && status === "True")) return "";
  return `pod ${name} is not Ready: ${readField(pod, "status.phase")} ${readField(pod, "status.containerStatuses.0.state")}`.trim();
}

/** Waits until each of the pods, named with blanks between them, is Ready by its condition. Throws CheckError with what they are otherwise. */
export async function podReady(lab: Lab, guest: Guest, pods: string, timeoutMs = 300_000): Promise<void> {
  await lab.until(
    async () => {
      const seen = await Promise.all(pods.split(" ").map(async (name) => lookAtPod(guest, name)));
      const missing = seen.filter((words) => words !== "");
      return missing.length === 0 ? undefined : missing.join("; ");
    },
    { timeoutMs, everyMs: 1000 },
  );
}

/** Deletes a pod and waits until it is gone. */
export async function deletePod(lab: Lab, guest: Guest, name: string): Promise<void> {
  await guest.kube.remove(`pods/${name}`);
  await lab.until(
    async () => {
      const left = await readObjects(guest, `pods?fieldSelector=metadata.name=${name}`, "status.phase");
      return left.length === 0 ? undefined : `pod ${name} is still there: ${left.join(" ")}`;
    },
    { timeoutMs: 120_000, everyMs: 1000 },
  );
}

/** Runs a command in a pod. Throws CheckError with its words unless it ends with 0. */
export async function inPod(guest: Guest, pod: string, command: string, timeoutMs = 60_000): Promise<string> {
  const result = await guest.kube.exec(pod, command, { timeoutMs });
  if (result.status === 0) return result.stdout.trim();
  throw new CheckError(`in pod ${pod}, "${command}" ended with ${result.status}: ${(result.stderr || result.stdout).trim()}`);
}
