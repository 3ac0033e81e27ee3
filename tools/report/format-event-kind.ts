import type { RunRecord } from "./run-record.ts";

type Event = RunRecord["events"][number];

const titles: Readonly<Record<Event["kind"], string>> = {
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

/** The name of an event's kind, as every report shows it. That a scenario's checks all held is told apart from a cluster that is Ready. */
export function formatEventKind({ kind, subject }: Pick<Event, "kind" | "subject">, run: Pick<RunRecord, "kind" | "name">): string {
  return run.kind === "scenario" && kind === "ready" && subject === run.name ? "Passed" : titles[kind];
}
