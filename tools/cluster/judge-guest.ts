import type { Problem } from "./expectation.ts";
import type { GuestHealth, UnitState } from "./parse-guest-health.ts";

/** Below this a filesystem counts as full: k3s's database and containerd's metadata can no longer be written. */
const FULL_KIB = 16 * 1024;
const FULL_INODES = 64;
/** So many restarts of a unit since watching began are a loop, not start-up trouble. */
const UNIT_RESTARTS = 3;
/** The guest's clock may be off by this much before certificates and leases suffer. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;
/** The least memory that a server with its default components runs in. */
const SERVER_MEMORY_MIB = 2048;

/** A guest that reads its whole memory again within a minute does little else; one that has enough reads next to nothing again. */
const THRASHING_MEMORIES = 1;
const THRASHING_MS = 45_000;
/** How far back samples are of use. */
export const SAMPLES_KEPT_MS = 60_000;

/** The time over which k3s's own certificates are valid, milliseconds since 1970. */
export interface CertificateValidity {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What is known of the guest outside Kubernetes. */
export interface GuestFacts {
  /** Oldest first: the last two at least, and those of the last minute. */
  readonly samples: readonly GuestHealth[];
  /** First sample of this wait; unit restarts count from there. */
  readonly firstSample: GuestHealth | undefined;
  /** Lines of the kernel about processes killed for want of memory, from the console or dmesg. */
  readonly oomLines: readonly string[];
  /** Last journal lines of units that failed, by unit name. */
  readonly unitLogs: ReadonlyMap<string, string>;
  readonly certificates: CertificateValidity | undefined;
  /** The host's wall clock when the last sample arrived, milliseconds since 1970. */
  readonly hostClockMs: number;
}

function formatSpan(ms: number): string {
  const seconds = Math.abs(ms) / 1000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/**
 * Whether a kernel line tells of a system-wide OOM kill, and of which process. "Memory cgroup out of memory" is a container at its own
 * limit: its pod says so (OOMKilled) and is restarted. Source: oom_kill.c, `__oom_kill_process`.
 */
export function parseOomLine(line: string): string | undefined {
  if (/memory cgroup out of memory/i.test(line)) return undefined;
  return /out of memory: kill(?:ed)? process \d+ \(([^)]*)\)/i.exec(line)?.[1];
}

const MORE_MEMORY = `give the machine more memory: a k3s server needs ${SERVER_MEMORY_MIB} MiB (--memory ${SERVER_MEMORY_MIB}), an agent 512`;

/** Short of memory, but with programs' own pages left to drop: the kernel kills nobody, and nothing gets on. */
function judgeThrashing(samples: readonly GuestHealth[]): readonly Problem[] {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first?.refaultedMib === undefined || last?.refaultedMib === undefined) return [];
  const spanMs = last.uptimeMs - first.uptimeMs;
  const rereadMib = last.refaultedMib - first.refaultedMib;
  if (spanMs < THRASHING_MS || rereadMib < THRASHING_MEMORIES * last.memoryTotalMib) return [];
  return [
    {
      code: "MEMORY_THRASHING",
      subject: "memory",
      message:
        `the guest is out of memory: within ${formatSpan(spanMs)} it read ${rereadMib} MiB again that it had just dropped ` +
        `from its ${last.memoryTotalMib} MiB (thrashing)`,
      hint: MORE_MEMORY,
    },
  ];
}

function judgeMemory(facts: GuestFacts): readonly Problem[] {
  const victims = facts.oomLines.flatMap((line) => parseOomLine(line) ?? []);
  if (victims.length === 0) return judgeThrashing(facts.samples);
  const memoryMib = facts.samples.at(-1)?.memoryTotalMib;
  const size = memoryMib === undefined ? "" : ` with ${memoryMib} MiB`;
  return [
    {
      code: "OOM_KILL",
      subject: victims[0] ?? "",
      message: `the kernel ran out of memory${size} and killed ${[...new Set(victims)].join(", ")}`,
      hint: MORE_MEMORY,
    },
  ];
}

function judgeDisks(samples: readonly GuestHealth[]): readonly Problem[] {
  const [previous, last] = samples.slice(-2);
  if (previous === undefined || last === undefined) return [];
  return last.filesystems.flatMap((use) => {
    const before = previous.filesystems.find((other) => other.mount === use.mount);
    const hint = "give the machine a bigger disk, or delete images and logs on it (k3s needs 2 GiB beyond the root filesystem)";
    const full = use.availableKib < FULL_KIB && (before?.availableKib ?? Infinity) < FULL_KIB;
    if (full && use.totalKib > FULL_KIB) {
      const message = `the filesystem at ${use.mount} is full: ${use.availableKib} of ${use.totalKib} KiB are free`;
      return [{ code: "DISK_FULL", subject: use.mount, message, hint }];
    }
    const inodesOut = (use.availableInodes ?? Infinity) < FULL_INODES && (before?.availableInodes ?? Infinity) < FULL_INODES;
    if (!inodesOut) return [];
    const message = `the filesystem at ${use.mount} has no inodes left (${use.availableInodes})`;
    return [{ code: "DISK_FULL", subject: use.mount, message, hint: "make the filesystem with more inodes (mkfs.ext4 -N)" }];
  });
}

/** The last line in which check-snapshotter of the layer, which the units run before k3s, says why it does not let k3s start. */
function parseRefusal(log: string): string | undefined {
  return [...log.matchAll(/^check-snapshotter: (snapshotter '.*?' \(.*?\): .*)$/gmu)].at(-1)?.[1];
}

function judgeUnit(unit: UnitState, facts: GuestFacts): Problem | undefined {
  if (!unit.loaded) return undefined;
  const first = facts.firstSample?.units.find((other) => other.name === unit.name);
  const restarts = unit.restarts - (first?.restarts ?? 0);
  const failed = unit.active === "failed";
  if (!failed && restarts < UNIT_RESTARTS) return undefined;
  const log = facts.unitLogs.get(unit.name)?.trim() ?? "";
  // 0 is also the status of a main process that was never started.
  const status = unit.exitStatus === undefined || unit.exitStatus === 0 ? "" : `, exit status ${unit.exitStatus}`;
  // "success" is what systemd says while the next start is under way.
  const outcome = unit.result === "success" && status === "" ? "" : ` (${unit.result}${status})`;
  const what = failed ? `failed${outcome}` : `was restarted ${restarts} times${outcome}`;
  const code = failed ? "UNIT_FAILED" : "UNIT_RESTARTING";
  const refusal = parseRefusal(log);
  if (refusal !== undefined) {
    const hint = `on the guest: prepare it, or correct the setting in the file named; ${unit.name} tries again by itself`;
    return { code, subject: unit.name, message: `${unit.name} does not start: ${refusal}`, hint };
  }
  return {
    code,
    subject: unit.name,
    message: `${unit.name} ${what}${log === "" ? "" : `; its last words:\n${log}`}`,
    hint: `on the guest: journalctl -u ${unit.name} -b`,
  };
}

function judgeClock(facts: GuestFacts): readonly Problem[] {
  const { certificates, hostClockMs } = facts;
  const clockMs = facts.samples.at(-1)?.clockMs;
  const offMs = clockMs === undefined ? 0 : clockMs - hostClockMs;
  const hint =
    "set the guest's clock and make k3s's certificates anew (k3s-clean): a certificate authority made under a wrong clock stays wrong (k3s issue 6152); order k3s after time-sync.target";
  if (certificates === undefined) return [];
  const { fromMs, toMs } = certificates;
  if (hostClockMs >= fromMs - CLOCK_TOLERANCE_MS && hostClockMs <= toMs) return [];
  const now = clockMs === undefined ? "" : `; its clock is off by ${formatSpan(offMs)}`;
  const valid = `${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`;
  return [
    {
      code: "CLOCK_WRONG",
      subject: "clock",
      message: `k3s made its certificates while the guest's clock was wrong: they are valid from ${valid}${now}`,
      hint,
    },
  ];
}

/** What cannot recover in the guest by itself, most important first; empty when all is well. */
export function judgeGuest(facts: GuestFacts): readonly Problem[] {
  const units = facts.samples.at(-1)?.units ?? [];
  return [
    ...judgeMemory(facts),
    ...judgeDisks(facts.samples),
    ...judgeClock(facts),
    ...units.flatMap((unit) => judgeUnit(unit, facts) ?? []),
  ];
}

/** What is odd in the guest though it may pass: a clock far off, k3s not running. Goes into the words of a wait that ran out. */
export function judgeGuestOddities(facts: GuestFacts): readonly string[] {
  const last = facts.samples.at(-1);
  if (last === undefined) return [];
  const oddities: string[] = [];
  const offMs = last.clockMs === undefined ? 0 : last.clockMs - facts.hostClockMs;
  if (Math.abs(offMs) > CLOCK_TOLERANCE_MS) {
    oddities.push(`the guest's clock is ${formatSpan(offMs)} ${offMs > 0 ? "ahead" : "behind"}`);
  }
  const loaded = last.units.filter((unit) => unit.loaded);
  if (loaded.length > 0 && loaded.every((unit) => unit.active === "inactive")) {
    oddities.push(`${loaded.map((unit) => unit.name).join(" and ")}: not started`);
  }
  for (const unit of loaded) {
    if (unit.restarts > 0) oddities.push(`${unit.name} was restarted ${unit.restarts} times`);
    if (unit.active === "activating") oddities.push(`${unit.name} is starting (${unit.sub})`);
  }
  if (last.memoryAvailableMib < last.memoryTotalMib * 0.05) {
    oddities.push(`only ${last.memoryAvailableMib} of ${last.memoryTotalMib} MiB memory are left`);
  }
  return oddities;
}

/** Work the guest did between two samples, for telling slow from stuck; undefined when it idled. */
export function judgeWork(before: GuestHealth, after: GuestHealth): string | undefined {
  const total = after.cpuTotalTicks - before.cpuTotalTicks;
  const busy = total <= 0 ? 0 : (after.cpuBusyTicks - before.cpuBusyTicks) / total;
  const wroteMib = (after.diskWrittenKib - before.diskWrittenKib) / 1024;
  const readMib = (after.diskReadKib - before.diskReadKib) / 1024;
  if (busy > 0.5) return `CPUs ${Math.round(busy * 100)} % busy`;
  if (wroteMib > 4) return `${Math.round(wroteMib)} MiB written to disk`;
  if (readMib > 4) return `${Math.round(readMib)} MiB read from disk`;
  return undefined;
}
