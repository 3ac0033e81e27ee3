import type { RunRecord } from "./run-record.ts";

type Event = RunRecord["events"][number];

/** A stretch of one machine's boot between two milestones. `step` grows from 0 with each boot and gives the colour. */
export interface BootPhase {
  readonly fromMs: number;
  readonly toMs: number;
  readonly name: string;
  readonly step: number;
}

export interface BootTrack {
  readonly machine: string;
  readonly phases: readonly BootPhase[];
}

const phases: Readonly<Partial<Record<Event["kind"], { name: string; step: number }>>> = {
  "power-on": { name: "Firmware", step: 0 },
  kernel: { name: "Kernel", step: 1 },
  userspace: { name: "Userspace", step: 2 },
  ssh: { name: "Services", step: 3 },
  service: { name: "k3s", step: 4 },
  api: { name: "API up", step: 5 },
  "node-ready": { name: "Node Ready", step: 6 },
};

/** The machine whose track an event belongs to; undefined for events of the whole run. */
export function selectEventMachine(event: Event, machines: readonly string[]): string | undefined {
  if (machines.includes(event.subject)) return event.subject;
  const node = /^node (?<name>\S+)$/u.exec(event.subject)?.groups?.["name"];
  if (node !== undefined && machines.includes(node)) return node;
  return machines.length === 1 ? machines[0] : undefined;
}

/** A machine's events in the order of time, boot by boot: each begins with its power-on, but for what was told before the first. */
export function splitBoots(events: readonly Event[]): readonly (readonly Event[])[] {
  const boots: Event[][] = [];
  for (const event of events.toSorted((a, b) => a.atMs - b.atMs)) {
    const boot = boots.at(-1);
    if (boot === undefined || event.kind === "power-on") boots.push([event]);
    else boot.push(event);
  }
  return boots;
}

function planBoot(events: readonly Event[], endMs: number): readonly BootPhase[] {
  const ended = events.find((event) => event.kind === "end")?.atMs ?? endMs;
  const ready = events.find((event) => event.kind === "ready")?.atMs;
  const starts: { atMs: number; name: string; step: number }[] = [];
  for (const event of events) {
    const phase = phases[event.kind];
    // Later steps only: an event that comes late (SSH after the API) does not turn the boot's clock back.
    if (phase !== undefined && phase.step > (starts.at(-1)?.step ?? -1)) starts.push({ atMs: event.atMs, ...phase });
  }
  const until = Math.min(ended, ready ?? endMs);
  return starts.map((start, index) => ({
    fromMs: start.atMs,
    toMs: Math.max(start.atMs, starts[index + 1]?.atMs ?? until),
    name: start.name,
    step: start.step,
  }));
}

function planTrack(machine: string, events: readonly Event[], endMs: number): BootTrack {
  const boots = splitBoots(events);
  return { machine, phases: boots.flatMap((boot, index) => planBoot(boot, boots[index + 1]?.[0]?.atMs ?? endMs)) };
}

/** One track per machine, from each of its power-ons to the verdict (or to its own end). Events of the whole run count for every machine. */
export function planBootTracks(record: Pick<RunRecord, "events" | "machines">, endMs: number): readonly BootTrack[] {
  const names = record.machines.map((machine) => machine.name);
  return names.map((name) => {
    const own = record.events.filter((event) => selectEventMachine(event, names) === name || event.kind === "ready");
    return planTrack(name, own, endMs);
  });
}
