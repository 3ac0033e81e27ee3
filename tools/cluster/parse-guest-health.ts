/** Pages are 4 KiB on all machines of this project. */
const PAGES_PER_MIB = 256;

/** How a filesystem is filled. */
export interface FilesystemUse {
  readonly mount: string;
  readonly availableKib: number;
  readonly totalKib: number;
  /** undefined where df cannot count inodes (or the filesystem has none, as btrfs). */
  readonly availableInodes: number | undefined;
}

/** systemd's view of one unit (`systemctl show`). */
export interface UnitState {
  readonly name: string;
  readonly loaded: boolean;
  readonly active: string;
  readonly sub: string;
  readonly result: string;
  readonly restarts: number;
  readonly exitStatus: number | undefined;
}

/** One sample of the guest's own state. Counters count since its boot. */
export interface GuestHealth {
  /** The kernel's id of this boot (random(4), boot_id). */
  readonly bootId: string | undefined;
  readonly uptimeMs: number;
  /** The guest's wall clock, milliseconds since 1970, to the second. */
  readonly clockMs: number | undefined;
  readonly memoryTotalMib: number;
  readonly memoryAvailableMib: number;
  readonly load1: number;
  /** Ticks (1/100 s) all CPUs were busy and were there. */
  readonly cpuBusyTicks: number;
  readonly cpuTotalTicks: number;
  readonly diskReadKib: number;
  readonly diskWrittenKib: number;
  /** Processes the kernel killed for want of memory, cgroup limits included; undefined before Linux 4.13. */
  readonly oomKills: number | undefined;
  /** Pages of files that were dropped for want of memory and had to be read again, MiB; undefined before Linux 3.15. */
  readonly refaultedMib: number | undefined;
  readonly filesystems: readonly FilesystemUse[];
  /** Empty where there is no systemd. */
  readonly units: readonly UnitState[];
}

/**
 * A POSIX sh loop (busybox suffices) that prints one sample every `intervalSeconds`, framed by `@sample` and `@end`. Costs six small
 * processes a round, and never more than a fifth of one CPU's time: where a round takes seconds, as on an emulated 32-bit Arm, the pause is four
 * times as long. Sources: random(4) for boot_id; proc(5) for uptime, loadavg, meminfo, vmstat and stat; df -P of POSIX; systemctl(1).
 */
export function renderHealthLoop(options: { intervalSeconds: number; units: readonly string[] }): string {
  const units = options.units.join(" ");
  return [
    "has_systemctl=; command -v systemctl >/dev/null 2>&1 && has_systemctl=1",
    "while :; do",
    "echo @sample",
    'read -r up _ </proc/uptime; read -r load _ </proc/loadavg; echo "uptime $up"; echo "load $load"',
    'boot=; read -r boot </proc/sys/kernel/random/boot_id 2>/dev/null; echo "boot $boot"',
    "grep -hE '^(MemTotal:|MemAvailable:|oom_kill |workingset_refault|pgpgin |pgpgout |cpu )' /proc/meminfo /proc/vmstat /proc/stat",
    'echo "date $(date +%s)"',
    "echo @df; df -Pk / /var/lib/rancher 2>/dev/null",
    "echo @dfi; df -Pi / /var/lib/rancher 2>/dev/null || df -i / /var/lib/rancher 2>/dev/null",
    `echo @units; [ -z "$has_systemctl" ] || systemctl show ${units} -p Id -p LoadState -p ActiveState -p SubState -p Result -p NRestarts -p ExecMainStatus 2>/dev/null`,
    "echo @end",
    "read -r now _ </proc/uptime; pause=$((4 * (${now%%.*} - ${up%%.*})))",
    `[ "$pause" -gt ${options.intervalSeconds} ] || pause=${options.intervalSeconds}; sleep "$pause"`,
    "done",
  ].join("\n");
}

function numberAfter(lines: readonly string[], label: string): number | undefined {
  const line = lines.find((candidate) => candidate.startsWith(label));
  const value = Number.parseFloat(line?.slice(label.length).trim().split(/\s+/)[0] ?? "");
  return Number.isFinite(value) ? value : undefined;
}

function sectionOf(lines: readonly string[], name: string): readonly string[] {
  const start = lines.indexOf(name);
  if (start === -1) return [];
  const end = lines.findIndex((line, index) => index > start && line.startsWith("@"));
  return lines.slice(start + 1, end === -1 ? undefined : end);
}

/** Rows of df -P: device, total, used, available, capacity, mount; a mount point may hold blanks. */
function parseDf(lines: readonly string[]): ReadonlyMap<string, { total: number; available: number }> {
  const rows = new Map<string, { total: number; available: number }>();
  for (const line of lines) {
    const match = /^\S+\s+(\d+)\s+\d+\s+(\d+)\s+\S+\s+(\/.*)$/.exec(line);
    if (match !== null) rows.set(match[3] ?? "", { total: Number(match[1]), available: Number(match[2]) });
  }
  return rows;
}

function parseUnits(lines: readonly string[]): readonly UnitState[] {
  const blocks = lines.join("\n").split(/\n\s*\n/);
  return blocks.flatMap((block) => {
    const fields = new Map(block.split("\n").map((line) => [line.split("=")[0] ?? "", line.slice(line.indexOf("=") + 1)]));
    const name = fields.get("Id");
    if (name === undefined) return [];
    const exitStatus = fields.get("ExecMainStatus");
    return [
      {
        name,
        loaded: fields.get("LoadState") === "loaded",
        active: fields.get("ActiveState") ?? "",
        sub: fields.get("SubState") ?? "",
        result: fields.get("Result") ?? "",
        restarts: Number(fields.get("NRestarts") ?? 0) || 0,
        exitStatus: exitStatus === undefined ? undefined : Number(exitStatus),
      },
    ];
  });
}

/** Parses the lines between `@sample` and `@end`. Undefined when the sample lacks memory or uptime (cut off, or not Linux). */
export function parseGuestHealth(lines: readonly string[]): GuestHealth | undefined {
  const uptime = numberAfter(lines, "uptime ");
  const totalKib = numberAfter(lines, "MemTotal:");
  const availableKib = numberAfter(lines, "MemAvailable:");
  if (uptime === undefined || totalKib === undefined || availableKib === undefined) return undefined;
  const date = numberAfter(lines, "date ");
  // user nice system idle iowait irq softirq steal; the guest times that follow are already in user and nice.
  const ticks = (lines.find((line) => line.startsWith("cpu ")) ?? "").trim().split(/\s+/).slice(1, 9).map(Number);
  // Two counters since Linux 5.9, one for all pages before.
  const refaulted = numberAfter(lines, "workingset_refault_file ") ?? numberAfter(lines, "workingset_refault ");
  const total = ticks.reduce((sum, tick) => sum + tick, 0);
  const inodes = parseDf(sectionOf(lines, "@dfi"));
  const filesystems = [...parseDf(sectionOf(lines, "@df"))].map(([mount, use]) => {
    const entry = inodes.get(mount);
    return {
      mount,
      availableKib: use.available,
      totalKib: use.total,
      availableInodes: entry === undefined || entry.total === 0 ? undefined : entry.available,
    };
  });
  const bootId = lines
    .find((line) => line.startsWith("boot "))
    ?.slice("boot ".length)
    .trim();
  return {
    bootId: bootId === "" ? undefined : bootId,
    uptimeMs: Math.round(uptime * 1000),
    clockMs: date === undefined ? undefined : date * 1000,
    memoryTotalMib: Math.round(totalKib / 1024),
    memoryAvailableMib: Math.round(availableKib / 1024),
    load1: numberAfter(lines, "load ") ?? 0,
    cpuBusyTicks: total - (ticks[3] ?? 0) - (ticks[4] ?? 0),
    cpuTotalTicks: total,
    diskReadKib: numberAfter(lines, "pgpgin ") ?? 0,
    diskWrittenKib: numberAfter(lines, "pgpgout ") ?? 0,
    oomKills: numberAfter(lines, "oom_kill "),
    refaultedMib: refaulted === undefined ? undefined : Math.round(refaulted / PAGES_PER_MIB),
    filesystems,
    units: parseUnits(sectionOf(lines, "@units")),
  };
}
