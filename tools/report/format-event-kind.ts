import type { RunRecord } from "./run-record.ts";

const titles: Readonly<Record<RunRecord["events"][number]["kind"], string>> = {
  "power-on": "Power on",
  kernel: "Kernel",
  userspace: "Userspace",
  ssh: "SSH",
  service: "k3s active",
  api: "API up",
  "node-ready": "Node Ready",
  "pod-ready": "Pod Ready",
  "job-done": "Job done",
  ready: "Ready",
  problem: "Problem",
  end: "Ended",
};

/** The name of a kind of event, as every report shows it. */
export function formatEventKind(kind: RunRecord["events"][number]["kind"]): string {
  return titles[kind];
}
