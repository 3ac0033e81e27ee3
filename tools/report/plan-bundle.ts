import { KUBECONFIG_PATH } from "../cluster/parse-kubeconfig.ts";

/** One file of the failure bundle: what is asked of the guest, and which question its answer settles. */
export interface BundleQuestion {
  readonly path: string;
  readonly answers: string;
  /** POSIX shell, busybox's tools at most; stdout and stderr both count. */
  readonly command: string;
  readonly timeoutMs: number;
}

const quickMs = 20_000;
const slowMs = 60_000;

/**
 * What every command starts with: sbin and /usr/local are not on the PATH of an SSH command everywhere; crictl has to be told where k3s's containerd
 * listens, kubectl where k3s writes its kubeconfig.
 */
const preamble = [
  "PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH",
  "LC_ALL=C; export LC_ALL",
  `KUBECONFIG=\${KUBECONFIG:-${KUBECONFIG_PATH}}; export KUBECONFIG`,
  "s=/run/k3s/containerd/containerd.sock; if [ -S $s ]; then CONTAINER_RUNTIME_ENDPOINT=unix://$s; export CONTAINER_RUNTIME_ENDPOINT; fi",
].join("\n");

function ask(path: string, answers: string, command: string, timeoutMs = quickMs): BundleQuestion {
  return { path, answers, command: `${preamble}\n${command}`, timeoutMs };
}

const kubectl = "kubectl --request-timeout=15s";
const etc = "/etc/rancher/k3s";

/** What is asked of every guest; most telling first, for time may run out. */
export const bundleQuestions: readonly BundleQuestion[] = [
  ask(
    "journal.txt",
    "What did the system log since it booted?",
    "journalctl -b --no-pager -o short-monotonic 2>&1 | tail -n 30000",
    slowMs,
  ),
  ask(
    "journal-k3s.txt",
    "What did k3s log since the machine booted?",
    "journalctl -b --no-pager -u k3s -u k3s-agent 2>&1 | tail -n 30000",
    slowMs,
  ),
  ask("dmesg.txt", "What did the kernel say?", "dmesg | tail -n 5000"),
  ask(
    "units.txt",
    "Which units failed, and how are k3s's?",
    "systemctl --no-pager --failed; systemctl --no-pager -l -n 0 status k3s k3s-agent; true",
  ),
  ask(
    "kubectl-get.txt",
    "What is in the cluster, and in which state?",
    `${kubectl} get nodes,pods,deployments,daemonsets,statefulsets,jobs,services -A -o wide`,
    slowMs,
  ),
  ask(
    "kubectl-events.txt",
    "What happened in the cluster, oldest first?",
    `${kubectl} get events -A --sort-by=.metadata.creationTimestamp`,
    slowMs,
  ),
  ask(
    "kubectl-describe.txt",
    "How does Kubernetes explain each node's and pod's state?",
    `${kubectl} describe nodes; ${kubectl} describe pods -A`,
    slowMs,
  ),
  ask(
    "nodes-and-pods.json",
    "What exactly are the conditions and container states?",
    `${kubectl} get nodes,pods -A -o json`,
    slowMs,
  ),
  ask(
    "workloads.json",
    "What exactly are the workloads' conditions?",
    `${kubectl} get deployments,daemonsets,statefulsets,replicasets,jobs -A -o json`,
    slowMs,
  ),
  ask("crictl-pods.txt", "Which pod sandboxes does the runtime have?", "crictl pods"),
  ask("crictl-containers.txt", "Which containers does the runtime have, ended ones too?", "crictl ps -a"),
  ask("crictl-images.txt", "Which images does the runtime have?", "crictl images"),
  ask("disks.txt", "Is a disk full, or out of inodes?", "df -h; echo; df -i"),
  ask("memory.txt", "How much memory is used, and what for?", "free; echo; cat /proc/meminfo"),
  ask("processes.txt", "What is running, and how much memory does it take?", "ps -ef 2>/dev/null || ps"),
  ask("mounts.txt", "What is mounted where?", "mount"),
  ask(
    "network.txt",
    "Which addresses and routes are there, and which resolver?",
    "ip addr; echo; ip route; echo; ip -6 route; echo; cat /etc/resolv.conf",
  ),
  ask("iptables.txt", "Which packets are filtered and translated (iptables)?", "iptables --version; iptables-save; ip6tables-save"),
  ask("nftables.txt", "Which packets are filtered and translated (nftables)?", "nft list ruleset"),
  ask("modules.txt", "Which kernel modules are loaded?", "lsmod"),
  ask(
    "versions.txt",
    "Which versions of everything are these, and what time is it there?",
    "date -u; uptime; uname -a; cat /etc/os-release; cat /proc/cmdline; k3s --version; kubectl version --client; containerd --version; runc --version; true",
  ),
  ask(
    "k3s-config.txt",
    "How is k3s configured?",
    `for f in ${etc}/config.yaml ${etc}/config.yaml.d/* ${etc}/registries.yaml; do [ -f "$f" ] || continue; echo "# $f"; cat "$f"; echo; done; systemctl cat k3s k3s-agent 2>/dev/null; true`,
  ),
  ask(
    "files.txt",
    "Which manifests and image archives lie in k3s's folders, and who may read its files?",
    `ls -lR ${etc} /var/lib/rancher/k3s/server/manifests /var/lib/rancher/k3s/agent/images 2>&1; true`,
  ),
];

/** A container whose log is worth having. */
export interface FailingContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly restarted: boolean;
}

interface ContainerStatus {
  readonly name?: unknown;
  readonly ready?: unknown;
  readonly restartCount?: unknown;
  readonly state?: { readonly terminated?: { readonly exitCode?: unknown } };
}

interface PodObject {
  readonly kind?: unknown;
  readonly metadata?: { readonly namespace?: unknown; readonly name?: unknown };
  readonly status?: {
    readonly phase?: unknown;
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

const containersOf = (pod: PodObject): readonly (ContainerStatus & { init: boolean })[] => [
  ...(pod.status?.initContainerStatuses ?? []).map((status) => Object.assign({ init: true }, status)),
  ...(pod.status?.containerStatuses ?? []).map((status) => Object.assign({ init: false }, status)),
];

/**
 * The containers that are not Ready or were restarted, from `kubectl get nodes,pods -A -o json` (core/v1 PodStatus); those that ended well are left out. Text that is not such a list
 * gives none.
 */
export function parseFailingContainers(json: string): readonly FailingContainer[] {
  let list: { items?: unknown };
  try {
    list = JSON.parse(json) as { items?: unknown };
  } catch {
    return [];
  }
  const pods = (Array.isArray(list?.items) ? list.items : []) as PodObject[];
  return pods
    .filter((pod) => pod.kind === "Pod" && pod.status?.phase !== "Succeeded")
    .flatMap((pod) =>
      containersOf(pod)
        .filter((status) => {
          const restarted = Number(status.restartCount ?? 0) > 0;
          const endedWell = status.init && status.state?.terminated?.exitCode === 0;
          return restarted || (status.ready !== true && !endedWell);
        })
        .map((status) => ({
          namespace: String(pod.metadata?.namespace),
          pod: String(pod.metadata?.name),
          container: String(status.name),
          restarted: Number(status.restartCount ?? 0) > 0,
        })),
    );
}

const maxContainers = 30;

/** Names come from the guest and go into its shell and onto the host's disk: Kubernetes allows only these characters (RFC 1123). */
const safeName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/u;

function planContainerLogs({ namespace, pod, container, restarted }: FailingContainer): readonly BundleQuestion[] {
  const command = `${kubectl} logs --timestamps --tail=3000 -n ${namespace} ${pod} -c ${container}`;
  const file = `pod-logs/${namespace}_${pod}_${container}`;
  const who = `${namespace}/${pod}'s container ${container}`;
  const current = ask(`${file}.txt`, `What does ${who} print?`, command);
  if (!restarted) return [current];
  return [current, ask(`${file}_previous.txt`, `What did ${who} print before it last ended?`, `${command} --previous`)];
}

/** The logs to fetch for containers that fail, those before the last restart included. */
export function planPodLogs(containers: readonly FailingContainer[]): readonly BundleQuestion[] {
  const safe = containers.filter((one) => [one.namespace, one.pod, one.container].every((name) => safeName.test(name)));
  return safe.slice(0, maxContainers).flatMap(planContainerLogs);
}
