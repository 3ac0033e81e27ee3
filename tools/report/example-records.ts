import type { RunRecord } from "./run-record.ts";

/** Records made by hand, one for each way a run can end and for what stretches the reports: the tests render them, and so can a person. */

type Event = RunRecord["events"][number];
type Wait = RunRecord["waits"][number];
type Pod = RunRecord["pods"][number];

function event(atMs: number, kind: Event["kind"], subject: string, detail = ""): Event {
  return { atMs, kind, subject, detail };
}

function wait(span: readonly [fromMs: number, toMs: number], subject: string, reason: string, message = ""): Wait {
  return { fromMs: span[0], toMs: span[1], subject, reason, message };
}

function pod(name: string, changes: Partial<Pod> = {}): Pod {
  const image = name.replace(/-[0-9a-z]+(?:-[0-9a-z]{5})?$/u, "");
  return {
    namespace: "kube-system",
    name,
    phase: "Running",
    ready: true,
    restarts: 0,
    node: "guest",
    images: [`docker.io/rancher/${image}:1.14.6`],
    reason: "",
    ...changes,
  };
}

/** A curve that rises in steps as a boot does; `wave` makes it uneven without randomness. */
function memory(
  name: string,
  options: { totalMib: number; peakMib: number; endMs: number; everyMs: number; fromMs?: number },
): RunRecord["memory"] {
  const samples = [];
  for (let atMs = options.fromMs ?? 14_000; atMs <= options.endMs; atMs += options.everyMs) {
    const share = 1 - Math.exp(-((atMs - 10_000) / options.endMs) * 4);
    const wave = Math.sin(atMs / 2300) * 18 + Math.sin(atMs / 700) * 9;
    const usedMib = Math.min(options.peakMib, 90 + share * (options.peakMib - 90) + wave);
    samples.push({ machine: name, atMs, totalMib: options.totalMib, availableMib: Math.round(options.totalMib - usedMib) });
  }
  return samples;
}

function machine(name: string, memoryMib = 2048): RunRecord["machines"][number] {
  return {
    name,
    arch: "x86_64",
    launcher: "qemu",
    accelerator: "tcg",
    acceleratorReason: "/dev/kvm is missing",
    cpu: "max",
    cpus: 2,
    memoryMib,
    kernelCommandLine: "root=/dev/vda rw console=ttyS0 ip=dhcp systemd.unified_cgroup_hierarchy=1",
    image: "testbed-qemux86-64.ext4",
    guest: {
      k3sVersion: "v1.36.3+k3s1",
      standIn: true,
      kernelVersion: "6.12.48+deb13-cloud-amd64",
      osName: "Debian GNU/Linux 13 (trixie)",
      containerRuntime: "containerd://1.7.24",
    },
  };
}

const boot: readonly Event[] = [
  event(0, "power-on", "qemux86-64"),
  event(1900, "kernel", "qemux86-64", "Linux version 6.12.48"),
  event(6200, "userspace", "qemux86-64", "systemd 257"),
  event(13_900, "ssh", "qemux86-64", "root@127.0.0.1:41873"),
  event(17_200, "service", "qemux86-64", "k3s.service active"),
  event(38_400, "api", "qemux86-64", "/readyz ok"),
  event(58_200, "node-ready", "node guest"),
];

const startWaits: readonly Wait[] = [
  wait([0, 13_900], "ssh", "ConnectionRefused", "connect ECONNREFUSED 127.0.0.1:41873"),
  wait([13_900, 17_200], "unit k3s.service", "activating", "start-pre"),
  wait([17_200, 38_400], "api", "ConnectionRefused", "The connection to the server 127.0.0.1:6443 was refused"),
  wait([38_400, 44_000], "node guest", "NotFound", "no node has registered yet"),
  wait([44_000, 58_200], "node guest", "KubeletNotReady", "container runtime network not ready: cni plugin not initialized"),
];

/** A boot that became Ready: one machine, five pods. */
export const readyRecord: RunRecord = {
  schemaVersion: 1,
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

const joinNames = ["server", "agent-1", "agent-2"];

/** A server and two agents. */
export const threeNodesRecord: RunRecord = {
  ...readyRecord,
  name: "join",
  command: "./meta-k3s test --scenario join",
  machines: joinNames.map((name) => machine(name)),
  events: [
    ...joinNames.flatMap((name, index) => [
      event(index * 900, "power-on", name),
      event(2100 + index * 1200, "kernel", name),
      event(7900 + index * 1500, "userspace", name),
      event(17_000 + index * 2100, "ssh", name),
      event(21_000 + index * 18_000, "service", name, index === 0 ? "k3s.service active" : "k3s-agent.service active"),
    ]),
    event(48_000, "api", "server"),
    event(69_000, "node-ready", "node server"),
    event(88_000, "node-ready", "node agent-1"),
    event(96_500, "node-ready", "node agent-2"),
    event(84_300, "pod-ready", "pod kube-system/coredns-6f8d9c7b5d-x2v4k"),
    event(101_400, "ready", "join"),
  ],
  waits: [
    ...joinNames.map((name, index) => wait([index * 900, 17_000 + index * 2100], `ssh ${name}`, "ConnectionRefused")),
    wait([21_000, 48_000], "api", "ConnectionRefused"),
    wait([48_000, 69_000], "node server", "KubeletNotReady", "cni plugin not initialized"),
    wait([57_000, 70_000], "node agent-1", "NotFound", "not registered"),
    wait([70_000, 88_000], "node agent-1", "KubeletNotReady", "cni plugin not initialized"),
    wait([75_000, 83_000], "node agent-2", "NotFound", "not registered"),
    wait([83_000, 96_500], "node agent-2", "KubeletNotReady", "cni plugin not initialized"),
    wait([69_000, 84_300], "deployment kube-system/coredns", "ContainerCreating"),
    wait([96_500, 101_400], "pod-to-pod over VXLAN", "Unreachable", "agent-2 has no route to 10.42.1.0/24 yet"),
  ],
  memory: joinNames.flatMap((name, index) =>
    memory(name, {
      totalMib: index === 0 ? 1968 : 982,
      peakMib: index === 0 ? 1240 : 430,
      endMs: 111_400,
      everyMs: 1000,
      fromMs: 20_000,
    }),
  ),
  nodes: joinNames.map((name) => ({ name, ready: true, version: "v1.36.3+k3s1", reason: "KubeletReady", message: "" })),
  pods: [pod("coredns-6f8d9c7b5d-x2v4k", { node: "server" })],
  checks: [
    ...joinNames.map((name, index) => ({
      name: `node ${name}`,
      outcome: "passed" as const,
      atMs: [69_000, 88_000, 96_500][index] ?? 0,
      reason: "KubeletReady",
      message: "",
    })),
    {
      name: "deployment kube-system/coredns",
      outcome: "passed",
      atMs: 84_300,
      reason: "MinimumReplicasAvailable",
      message: "1 of 1 Ready",
    },
  ],
  verdict: {
    outcome: "ready",
    atMs: 101_400,
    stableForMs: 10_000,
    summary: "3 nodes and 1 expected workload Ready, stable for 10 s without a restart.",
    problems: [],
    exitCode: 0,
  },
};

const many = Array.from(
  { length: 200 },
  (_, index) => `workload-${String(index).padStart(3, "0")}-7c9d8f6b5-${(index * 7919).toString(36).padStart(5, "x")}`,
);

/** 200 pods and 20 000 samples of memory. */
export const largeRecord: RunRecord = {
  ...readyRecord,
  name: "two hundred pods",
  events: [
    ...boot,
    ...many.map((name, index) => event(62_000 + Math.round(Math.sqrt(index) * 14_000), "pod-ready", `pod default/${name}`)),
    event(262_000, "ready", "qemux86-64"),
  ],
  waits: [
    ...startWaits,
    ...many.flatMap((name, index) => [
      wait([58_200, 59_000 + index * 40], `pod default/${name}`, "Pending"),
      wait([59_000 + index * 40, 62_000 + Math.round(Math.sqrt(index) * 14_000)], `pod default/${name}`, "ContainerCreating"),
    ]),
  ],
  memory: memory("qemux86-64", { totalMib: 3944, peakMib: 3200, endMs: 272_000, everyMs: 13 }),
  pods: many.map((name, index) => pod(name, { namespace: "default", restarts: index % 67 === 3 ? 1 : 0 })),
  verdict: { ...readyRecord.verdict, atMs: 262_000, summary: "1 node and 200 workloads Ready, stable for 10 s without a restart." },
};

const markup = `</script></style></title><img src=x onerror="document.title='owned'"><b>{{bold}}</b> & "quotes" 'single'`;
const bidi = "\u202Egnp.exe\u202C \u05E9\u05DC\u05D5\u05DD \u0645\u0631\u062D\u0628\u0627";
const odd = `\u{1F468}\u200D\u{1F469}\u200D\u{1F467} \u{1F680} ${bidi} \u001B[31mred\u001B[0m \u0000\u0007 \uD800 \uFFFE`;
const huge = `panic: ${"unbroken".repeat(500)}\n${Array.from({ length: 160 }, (_, index) => `goroutine ${index} [running]: main.main()`).join("\n")}`;

/** Everything that a guest may say to break a page. */
export const hostileRecord: RunRecord = {
  ...timeoutRecord,
  name: `qemu ${markup}`,
  command: `./meta-k3s test '${markup}' ${odd}`,
  startedAt: `2026-11-21T14:52:07Z"><script>alert(1)</script>`,
  events: [...timeoutRecord.events, event(150_000, "problem", `pod ${markup}`, huge), event(151_000, "problem", odd, odd)],
  waits: [
    ...timeoutRecord.waits,
    wait([60_000, 200_000], `deployment ${markup}`, markup, huge),
    wait([60_000, 210_000], odd, odd, odd),
    wait([60_000, 61_000], "x".repeat(10_000), "y".repeat(10_000), "z".repeat(10_000)),
  ],
  checks: [
    ...timeoutRecord.checks,
    { name: markup, outcome: "failed", atMs: null, reason: odd, message: huge },
    { name: `]]> ${odd}`, outcome: "not-judged", atMs: null, reason: "", message: "" },
  ],
  pods: [...timeoutRecord.pods, pod(`${markup}-abcde`, { ready: false, reason: odd, images: [markup, "i".repeat(300)] })],
  nodes: [{ name: odd, ready: false, version: markup, reason: huge, message: huge }],
  verdict: {
    ...timeoutRecord.verdict,
    summary: `${markup} ${odd}`,
    problems: [{ code: markup, subject: `${odd} ${markup}`, message: huge, hint: `${markup}\n${odd}` }],
  },
  bundle: { folder: "bundle", files: [{ path: `javascript:alert(1)/${markup}.txt`, answers: markup, bytes: 12, problem: odd }] },
};

/** All of them, by a name fit for a file. */
export const exampleRecords: Readonly<Record<string, RunRecord>> = {
  ready: readyRecord,
  timeout: timeoutRecord,
  panic: panicRecord,
  oom: oomRecord,
  aborted: abortedRecord,
  environment: environmentRecord,
  "three-nodes": threeNodesRecord,
  large: largeRecord,
  hostile: hostileRecord,
};
