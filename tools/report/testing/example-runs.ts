import type { RunRecord } from "../run-record.ts";
import { event, wait, pod, memory, machine, boot, startWaits } from "./example-parts.ts";

/** A boot that became Ready: one machine, five pods. */
export const readyRecord: RunRecord = {
  schemaVersion: 1,
  kind: "boot",
  name: "qemux86-64",
  command: "./meta-k3s demo --machine qemux86-64",
  toolVersion: "0.1.0",
  startedAt: "2026-11-21T14:52:07Z",
  durationMs: 128_400,
  host: { os: "Debian GNU/Linux 12 (bookworm)", cpus: 2, memoryMib: 24_099, qemuVersion: "7.2.17" },
  machines: [machine("qemux86-64")],
  events: [
    ...boot,
    event(71_300, "pod-ready", "pod kube-system/coredns-6f8d9c7b5d-x2v4k"),
    event(79_900, "pod-ready", "pod kube-system/local-path-provisioner-7d9f5c8b4-q8wzn"),
    event(83_100, "job-done", "job kube-system/helm-install-traefik"),
    event(94_700, "pod-ready", "pod kube-system/metrics-server-5b9c8d7f6-jk2lm"),
    event(94_700, "ready", "qemux86-64"),
  ],
  waits: [
    ...startWaits,
    wait(
      [44_000, 58_200],
      "deployment kube-system/coredns",
      "Unschedulable",
      "0/1 nodes are available: 1 node had untolerated taint node.kubernetes.io/not-ready",
    ),
    wait(
      [58_200, 66_000],
      "deployment kube-system/coredns",
      "ContainerCreating",
      "pulling docker.io/rancher/mirrored-coredns-coredns:1.14.6",
    ),
    wait([66_000, 71_300], "deployment kube-system/coredns", "ContainersNotReady", "readiness probe has not passed"),
    wait([58_200, 79_900], "deployment kube-system/local-path-provisioner", "ContainerCreating"),
    wait([58_200, 70_000], "job kube-system/helm-install-traefik", "ContainerCreating"),
    wait([70_000, 83_100], "job kube-system/helm-install-traefik", "Running"),
    wait([58_200, 74_000], "deployment kube-system/metrics-server", "ContainerCreating"),
    wait(
      [74_000, 94_700],
      "deployment kube-system/metrics-server",
      "ContainersNotReady",
      "Readiness probe failed: HTTP probe failed with statuscode: 500",
    ),
  ],
  memory: memory("qemux86-64", { totalMib: 1968, peakMib: 1312, endMs: 104_700, everyMs: 1000 }),
  checks: [
    { name: "node guest", outcome: "passed", atMs: 58_200, reason: "KubeletReady", message: "kubelet is posting ready status" },
    {
      name: "deployment kube-system/coredns",
      outcome: "passed",
      atMs: 71_300,
      reason: "MinimumReplicasAvailable",
      message: "1 of 1 Ready",
    },
    {
      name: "deployment kube-system/local-path-provisioner",
      outcome: "passed",
      atMs: 79_900,
      reason: "MinimumReplicasAvailable",
      message: "1 of 1 Ready",
    },
    {
      name: "deployment kube-system/metrics-server",
      outcome: "passed",
      atMs: 94_700,
      reason: "MinimumReplicasAvailable",
      message: "1 of 1 Ready",
    },
    {
      name: "no unexpected unhealthy pod in kube-system",
      outcome: "passed",
      atMs: 94_700,
      reason: "",
      message: "4 pods seen, all expected",
    },
  ],
  pods: [
    pod("coredns-6f8d9c7b5d-x2v4k"),
    pod("local-path-provisioner-7d9f5c8b4-q8wzn"),
    pod("metrics-server-5b9c8d7f6-jk2lm"),
    pod("helm-install-traefik-t5xqp", { phase: "Succeeded", ready: false, reason: "PodCompleted" }),
  ],
  nodes: [
    { name: "guest", ready: true, version: "v1.36.3+k3s1", reason: "KubeletReady", message: "kubelet is posting ready status" },
  ],
  verdict: {
    outcome: "ready",
    atMs: 94_700,
    stableForMs: 10_000,
    summary: "1 node and 4 expected workloads Ready, stable for 10 s without a restart.",
    problems: [],
    exitCode: 0,
  },
  bundle: null,
};

/** A time-out: CoreDNS crash-loops. Has a failure bundle. */
export const timeoutRecord: RunRecord = {
  ...readyRecord,
  command: "./meta-k3s test build/testbed/qemux86-64.qemuboot.conf --timeout 300",
  durationMs: 322_000,
  events: [
    ...boot,
    event(79_900, "pod-ready", "pod kube-system/local-path-provisioner-7d9f5c8b4-q8wzn"),
    event(88_000, "problem", "pod kube-system/coredns-6f8d9c7b5d-x2v4k", "container coredns exited 1"),
  ],
  waits: [
    ...startWaits,
    wait([44_000, 58_200], "deployment kube-system/coredns", "PodInitializing"),
    wait([58_200, 86_000], "deployment kube-system/coredns", "ContainerCreating"),
    ...[0, 1, 2, 3, 4].flatMap((round) => [
      wait([86_000 + round * 43_000, 91_000 + round * 43_000], "deployment kube-system/coredns", "Error", "exit code 1"),
      wait(
        [91_000 + round * 43_000, Math.min(129_000 + round * 43_000, 300_000)],
        "deployment kube-system/coredns",
        "CrashLoopBackOff",
        "back-off 40s restarting failed container=coredns",
      ),
    ]),
    wait([58_200, 79_900], "deployment kube-system/local-path-provisioner", "ContainerCreating"),
    wait(
      [58_200, 300_000],
      "deployment kube-system/metrics-server",
      "ContainersNotReady",
      "lookup kubernetes.default.svc on 10.43.0.10:53: connection refused",
    ),
  ],
  memory: memory("qemux86-64", { totalMib: 1968, peakMib: 1120, endMs: 300_000, everyMs: 1000 }),
  checks: [
    { name: "node guest", outcome: "passed", atMs: 58_200, reason: "KubeletReady", message: "kubelet is posting ready status" },
    {
      name: "deployment kube-system/coredns",
      outcome: "failed",
      atMs: null,
      reason: "CrashLoopBackOff",
      message: "container coredns has restarted 5 times; it last exited 1: plugin/forward: no nameservers found",
    },
    {
      name: "deployment kube-system/local-path-provisioner",
      outcome: "passed",
      atMs: 79_900,
      reason: "MinimumReplicasAvailable",
      message: "1 of 1 Ready",
    },
    {
      name: "deployment kube-system/metrics-server",
      outcome: "failed",
      atMs: null,
      reason: "ContainersNotReady",
      message: "0 of 1 Ready",
    },
  ],
  pods: [
    pod("coredns-6f8d9c7b5d-x2v4k", { ready: false, restarts: 5, reason: "CrashLoopBackOff" }),
    pod("local-path-provisioner-7d9f5c8b4-q8wzn"),
    pod("metrics-server-5b9c8d7f6-jk2lm", { ready: false, reason: "ContainersNotReady" }),
  ],
  verdict: {
    outcome: "not-ready",
    atMs: 300_000,
    stableForMs: 0,
    summary: "Gave up after 5 min: CoreDNS crash-loops (5 restarts), and metrics-server waits for it.",
    problems: [
      {
        code: "CRASH_LOOP",
        subject: "pod kube-system/coredns-6f8d9c7b5d-x2v4k",
        message: "container coredns exits 1 soon after it starts: plugin/forward: no nameservers found in /etc/resolv.conf",
        hint: "give the guest a resolver, or point k3s at one with resolv-conf: in /etc/rancher/k3s/config.yaml",
      },
      {
        code: "NOT_READY",
        subject: "deployment kube-system/metrics-server",
        message: "0 of 1 replicas Ready: it cannot look up kubernetes.default.svc",
        hint: null,
      },
    ],
    exitCode: 5,
  },
  bundle: {
    folder: "bundle",
    files: [
      { path: "INDEX.md", answers: "What is in this folder?", bytes: 2210, problem: null },
      { path: "console.txt", answers: "What did the serial console print?", bytes: 48_211, problem: null },
      { path: "journal.txt", answers: "What did the system log since it booted?", bytes: 310_554, problem: null },
      {
        path: "pod-logs/kube-system_coredns-6f8d9c7b5d-x2v4k_coredns_previous.txt",
        answers: "What did the container print before it last ended?",
        bytes: 812,
        problem: null,
      },
      {
        path: "crictl-images.txt",
        answers: "Which images does the runtime have?",
        bytes: 0,
        problem: "crictl is not installed in the guest",
      },
    ],
  },
};

/** The kernel panics 5 s after power-on: nothing of the cluster was seen. */
export const panicRecord: RunRecord = {
  ...readyRecord,
  durationMs: 9100,
  events: [
    event(0, "power-on", "qemux86-64"),
    event(1900, "kernel", "qemux86-64", "Linux version 6.12.48"),
    event(5100, "problem", "qemux86-64", "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"),
    event(5200, "end", "qemux86-64", "QEMU ended after the panic"),
  ],
  waits: [wait([0, 5200], "ssh", "ConnectionRefused", "connect ECONNREFUSED 127.0.0.1:41873")],
  memory: [],
  checks: [
    {
      name: "node guest",
      outcome: "not-judged",
      atMs: null,
      reason: "MachineEnded",
      message: "the machine ended before the cluster was seen",
    },
    { name: "deployment kube-system/coredns", outcome: "not-judged", atMs: null, reason: "MachineEnded", message: "" },
  ],
  pods: [],
  nodes: [],
  machines: [
    {
      ...machine("qemux86-64"),
      guest: { k3sVersion: null, standIn: false, kernelVersion: "6.12.48", osName: null, containerRuntime: null },
    },
  ],
  verdict: {
    outcome: "guest-failed",
    atMs: 5100,
    stableForMs: 0,
    summary: "The guest's kernel panicked 5 s after power-on: it cannot mount its root filesystem.",
    problems: [
      {
        code: "PANIC",
        subject: "machine qemux86-64",
        message: "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
        hint: "check that the image is whole and that root= in the kernel command line names its disk (/dev/vda)",
      },
    ],
    exitCode: 6,
  },
  bundle: {
    folder: "bundle",
    files: [{ path: "console.txt", answers: "What did the serial console print?", bytes: 9120, problem: null }],
  },
};

/** A 512 MiB machine: the kernel's OOM killer ends k3s, again and again. */
export const oomRecord: RunRecord = {
  ...readyRecord,
  command: "./meta-k3s test x.qemuboot.conf --memory 512",
  durationMs: 71_000,
  machines: [machine("qemux86-64", 512)],
  events: [
    ...boot.slice(0, 5),
    event(41_000, "problem", "qemux86-64", "Out of memory: Killed process 412 (k3s)"),
    event(41_100, "end", "qemux86-64", "powered off"),
  ],
  waits: [
    ...startWaits.slice(0, 2),
    wait([17_200, 41_000], "api", "ConnectionRefused", "The connection to the server 127.0.0.1:6443 was refused"),
  ],
  memory: memory("qemux86-64", { totalMib: 467, peakMib: 463, endMs: 41_000, everyMs: 500 }),
  checks: [
    {
      name: "node guest",
      outcome: "failed",
      atMs: null,
      reason: "NotFound",
      message: "no node had registered when k3s was killed",
    },
    { name: "deployment kube-system/coredns", outcome: "not-judged", atMs: null, reason: "OutOfMemory", message: "" },
  ],
  pods: [],
  nodes: [],
  verdict: {
    outcome: "guest-failed",
    atMs: 41_000,
    stableForMs: 0,
    summary: "The guest ran out of memory: the kernel killed k3s. 512 MiB are too few.",
    problems: [
      {
        code: "OOM",
        subject: "unit k3s.service",
        message: "Out of memory: Killed process 412 (k3s) total-vm:1489204kB, anon-rss:398112kB",
        hint: "give the machine more memory: --memory 2048 (a server with every component wants 1600 MiB)",
      },
    ],
    exitCode: 6,
  },
  bundle: null,
};

/** Ctrl-C in the middle. */
export const abortedRecord: RunRecord = {
  ...readyRecord,
  durationMs: 30_000,
  events: boot.slice(0, 4),
  waits: [...startWaits.slice(0, 1), wait([13_900, 15_300], "unit k3s.service", "activating", "start-pre")],
  memory: memory("qemux86-64", { totalMib: 1968, peakMib: 300, endMs: 15_300, everyMs: 1000 }),
  checks: [{ name: "node guest", outcome: "not-judged", atMs: null, reason: "Aborted", message: "" }],
  pods: [],
  nodes: [],
  verdict: {
    outcome: "aborted",
    atMs: 15_300,
    stableForMs: 0,
    summary: "Stopped on request while k3s was starting.",
    problems: [],
    exitCode: 130,
  },
};

/** The host could not start QEMU at all. */
export const environmentRecord: RunRecord = {
  ...readyRecord,
  durationMs: 400,
  machines: [],
  events: [],
  waits: [],
  memory: [],
  checks: [{ name: "node guest", outcome: "not-judged", atMs: null, reason: "NotStarted", message: "" }],
  pods: [],
  nodes: [],
  verdict: {
    outcome: "environment-failed",
    atMs: 0,
    stableForMs: 0,
    summary: "QEMU could not be started: qemu-system-x86_64 is not installed.",
    problems: [
      {
        code: "PREFLIGHT",
        subject: "host",
        message: "qemu-system-x86_64 is not on PATH",
        hint: "apt-get install -y qemu-system-x86",
      },
    ],
    exitCode: 3,
  },
};
