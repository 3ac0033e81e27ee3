import type { RunRecord } from "../run-record.ts";
import { event, wait, pod, memory, machine, boot, startWaits } from "./example-parts.ts";
import { readyRecord, timeoutRecord } from "./example-runs.ts";

const joinNames = ["server", "agent-1", "agent-2"];

/** A server and two agents. */
export const threeNodesRecord: RunRecord = {
  ...readyRecord,
  kind: "scenario",
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
