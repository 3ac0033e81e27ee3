import { describe, expect, test } from "vitest";
import { judgeConsoleEvent, judgeMachineExit } from "./judge-console.ts";
import { type GuestFacts, judgeGuest, judgeGuestOddities, judgeWork, parseOomLine } from "./judge-guest.ts";
import { judgeProgress } from "./judge-progress.ts";
import type { GuestHealth, UnitState } from "./parse-guest-health.ts";

const NOW_MS = Date.parse("2026-11-21T15:00:00Z");
const DAY_MS = 86_400_000;

const UNIT: UnitState = {
  name: "k3s.service",
  loaded: true,
  active: "active",
  sub: "running",
  result: "success",
  restarts: 0,
  exitStatus: 0,
};
const HEALTHY: GuestHealth = {
  bootId: "0d6b8d0e-7f0c-4f43-8f3d-1f6f0e7d6a11",
  uptimeMs: 60_000,
  clockMs: NOW_MS,
  memoryTotalMib: 1974,
  memoryAvailableMib: 900,
  load1: 1,
  cpuBusyTicks: 100,
  cpuTotalTicks: 1000,
  diskReadKib: 0,
  diskWrittenKib: 0,
  oomKills: 0,
  refaultedMib: 10,
  filesystems: [{ mount: "/", availableKib: 2_000_000, totalKib: 4_000_000, availableInodes: 100_000 }],
  units: [UNIT],
};

function factsOf(sample: Partial<GuestHealth> = {}, more: Partial<GuestFacts> = {}): GuestFacts {
  const spoiled = { ...HEALTHY, ...sample };
  return {
    samples: [spoiled, spoiled],
    firstSample: HEALTHY,
    oomLines: [],
    unitLogs: new Map(),
    certificates: undefined,
    hostClockMs: NOW_MS,
    ...more,
  };
}

function disk(change: Partial<GuestHealth["filesystems"][number]>): Partial<GuestHealth> {
  return { filesystems: [{ mount: "/", availableKib: 2_000_000, totalKib: 4_000_000, availableInodes: 100_000, ...change }] };
}

describe("a guest", () => {
  test("in good health has no problems and nothing odd", () => {
    expect(judgeGuest(factsOf())).toEqual([]);
    expect(judgeGuestOddities(factsOf())).toEqual([]);
  });

  test("that reads its own programs over and over is out of memory, though nobody was killed", () => {
    const small = { ...HEALTHY, memoryTotalMib: 211 };
    const later = (refaultedMib: number): GuestHealth => ({ ...small, uptimeMs: 106_000, refaultedMib });
    const [problem, ...others] = judgeGuest(factsOf({}, { samples: [small, later(10 + 240)] }));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: "MEMORY_THRASHING", subject: "memory", hint: expect.stringContaining("2048") as string });
    expect(problem?.message).toContain("within 46 s it read 240 MiB again that it had just dropped from its 211 MiB");
    expect(judgeGuest(factsOf({}, { samples: [small, later(10 + 200)] }))).toEqual([]);
    expect(judgeGuest(factsOf({}, { samples: [{ ...small, uptimeMs: 90_000 }, later(10 + 240)] }))).toEqual([]);
  });

  test("that ran out of memory is told its size, the victim and what to give it", () => {
    const oomLines = ["[   40.1] Out of memory: Killed process 412 (k3s-server) total-vm:1kB, anon-rss:1kB"];
    expect(judgeGuest(factsOf({ memoryTotalMib: 230 }, { oomLines }))).toEqual([
      {
        code: "OOM_KILL",
        subject: "k3s-server",
        message: "the kernel ran out of memory with 230 MiB and killed k3s-server",
        hint: expect.stringContaining("--memory 2048") as string,
      },
    ]);
  });

  test.each([
    ["[1] Out of memory: Killed process 12 (containerd-shim) total-vm", "containerd-shim"],
    ["Out of memory: Kill process 9 (k3s) score 900 or sacrifice child", "k3s"],
    ["Memory cgroup out of memory: Killed process 12 (coredns) total-vm", undefined],
    ["oom_reaper: reaped process 12 (k3s)", undefined],
  ])("line %j means that %s was killed for want of memory", (line, victim) => {
    expect(parseOomLine(line)).toBe(victim);
  });

  test.each<[string, Partial<GuestHealth>, RegExp]>([
    ["no space", disk({ availableKib: 10 }), /the filesystem at \/ is full: 10 of 4000000 KiB/],
    ["no inodes", disk({ availableInodes: 3 }), /has no inodes left \(3\)/],
  ])("with %s has a full disk", (_name, sample, words) => {
    expect(judgeGuest(factsOf(sample))).toMatchObject([{ code: "DISK_FULL", message: expect.stringMatching(words) as string }]);
  });

  test("with a full disk in one sample only is given another look", () => {
    const samples = [HEALTHY, { ...HEALTHY, ...disk({ availableKib: 10 }) }];
    expect(judgeGuest(factsOf({}, { samples }))).toEqual([]);
  });

  test("with a tiny filesystem or one without inodes is not full", () => {
    expect(judgeGuest(factsOf(disk({ availableKib: 100, totalKib: 8000 })))).toEqual([]);
    expect(judgeGuest(factsOf(disk({ availableInodes: undefined })))).toEqual([]);
  });

  test("whose unit failed gives the unit, the result and its last words", () => {
    const units = [{ ...UNIT, active: "failed", sub: "failed", result: "exit-code", exitStatus: 1 }];
    const unitLogs = new Map([["k3s.service", "level=fatal msg=bad"]]);
    expect(judgeGuest(factsOf({ units }, { unitLogs }))).toEqual([
      {
        code: "UNIT_FAILED",
        subject: "k3s.service",
        message: "k3s.service failed (exit-code, exit status 1); its last words:\nlevel=fatal msg=bad",
        hint: "on the guest: journalctl -u k3s.service -b",
      },
    ]);
  });

  test("whose unit is restarted three times since watching began has failed; before that and beyond it has not", () => {
    const restarted = (restarts: number): Partial<GuestHealth> => ({ units: [{ ...UNIT, restarts }] });
    const firstSample = { ...HEALTHY, units: [{ ...UNIT, restarts: 5 }] };
    expect(judgeGuest(factsOf(restarted(2)))).toEqual([]);
    expect(judgeGuest(factsOf(restarted(3)))).toMatchObject([
      { code: "UNIT_RESTARTING", message: "k3s.service was restarted 3 times" },
    ]);
    expect(judgeGuest(factsOf(restarted(7), { firstSample }))).toEqual([]);
    expect(judgeGuest(factsOf(restarted(8), { firstSample }))).toMatchObject([{ code: "UNIT_RESTARTING" }]);
  });

  test("whose snapshotter is refused before k3s starts gives the check's line as the reason", () => {
    const refusal =
      "snapshotter 'zfs' (/etc/rancher/k3s/config.yaml.d/10-node.yaml): /x must be on zfs before k3s starts, but is on ext4";
    const log = [
      "Starting k3s.service - Kubernetes server (k3s)...",
      `check-snapshotter: ${refusal}`,
      "k3s.service: Control process exited, code=exited, status=1/FAILURE",
      "k3s.service: Scheduled restart job, restart counter is at 3.",
    ].join("\n");
    const units = [{ ...UNIT, active: "activating", sub: "auto-restart", result: "exit-code", restarts: 3 }];
    expect(judgeGuest(factsOf({ units }, { unitLogs: new Map([["k3s.service", log]]) }))).toEqual([
      {
        code: "UNIT_RESTARTING",
        subject: "k3s.service",
        message: `k3s.service does not start: ${refusal}`,
        hint: "on the guest: prepare it, or correct the setting in the file named; k3s.service tries again by itself",
      },
    ]);
  });

  test("whose snapshotter is left to k3s fails for what k3s says, and without the status of a process that never ran", () => {
    const log =
      "check-snapshotter: snapshotter 'soci' (/etc/x) is none of k3s's own, but there is /t: left to k3s\nlevel=fatal msg=bad";
    const units = [{ ...UNIT, restarts: 3, result: "exit-code" }];
    expect(judgeGuest(factsOf({ units }, { unitLogs: new Map([["k3s.service", log]]) }))).toMatchObject([
      { code: "UNIT_RESTARTING", message: `k3s.service was restarted 3 times (exit-code); its last words:\n${log}` },
    ]);
  });

  test("without k3s's unit has no unit to judge", () => {
    expect(judgeGuest(factsOf({ units: [{ ...UNIT, loaded: false, active: "failed" }] }))).toEqual([]);
    expect(judgeGuest(factsOf({ units: [] }))).toEqual([]);
  });

  test.each([
    ["1970", "1970-01-01T00:00:10Z", "1979-12-30T00:00:10Z"],
    ["2040", "2040-01-01T00:00:00Z", "2049-12-29T00:00:00Z"],
  ])("that made its certificates in %s has a wrong clock for ever", (_year, from, to) => {
    const certificates = { fromMs: Date.parse(from), toMs: Date.parse(to) };
    const [problem, ...others] = judgeGuest(factsOf({ clockMs: certificates.fromMs }, { certificates }));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: "CLOCK_WRONG", hint: expect.stringContaining("6152") as string });
    expect(problem?.message).toMatch(/its clock is off by \d+ days/);
  });

  test("whose certificates are valid now has a right clock, even when it runs a little ahead", () => {
    const certificates = { fromMs: NOW_MS + 60_000, toMs: NOW_MS + 365 * DAY_MS };
    expect(judgeGuest(factsOf({}, { certificates }))).toEqual([]);
  });

  test.each<[string, Partial<GuestHealth>, RegExp]>([
    ["a clock far off", { clockMs: NOW_MS - 2 * 3_600_000 }, /clock is 2 h behind/],
    ["a unit not started", { units: [{ ...UNIT, active: "inactive" }] }, /k3s.service: not started/],
    ["a unit starting", { units: [{ ...UNIT, active: "activating", sub: "start" }] }, /k3s.service is starting \(start\)/],
    ["little memory left", { memoryAvailableMib: 20 }, /only 20 of 1974 MiB/],
  ])("with %s is odd", (_name, sample, words) => {
    expect(judgeGuestOddities(factsOf(sample)).join("\n")).toMatch(words);
  });
});

describe("the console", () => {
  test("a failed unit, a stalled CPU or a started kernel is no verdict", () => {
    for (const kind of ["unit-failed", "cpu-stall", "kernel-started", "userspace-started", "login-prompt"] as const) {
      expect(judgeConsoleEvent({ kind, atMs: 1, subject: undefined, line: "x" })).toBeUndefined();
    }
  });

  test("emergency mode is the end of waiting", () => {
    const line = "[  OK  ] Reached target emergency.target - Emergency Mode.";
    expect(judgeConsoleEvent({ kind: "emergency-mode", atMs: 1, subject: undefined, line })).toMatchObject({
      code: "EMERGENCY_MODE",
    });
  });

  test("a systemd that froze is the end of waiting", () => {
    const line = "[  222.542074] systemd[1]: Freezing execution.";
    expect(judgeConsoleEvent({ kind: "systemd-frozen", atMs: 1, subject: undefined, line })).toMatchObject({
      code: "SYSTEMD_FROZEN",
    });
  });

  test.each(["powered-off", "rebooted", "panicked", "killed", "crashed"] as const)(
    "a machine that %s before it was Ready is a problem",
    (reason) => {
      const problem = judgeMachineExit({ reason, detail: "in detail", consoleTail: "" });
      expect(problem.message).toContain("in detail");
      expect(problem.hint).not.toBe("");
    },
  );
});

describe("slow or stuck", () => {
  test("work is CPU time, or data moved", () => {
    const more = (change: Partial<GuestHealth>): GuestHealth => ({ ...HEALTHY, cpuTotalTicks: 1400, ...change });
    expect(judgeWork(HEALTHY, more({ cpuBusyTicks: 450 }))).toBe("CPUs 88 % busy");
    expect(judgeWork(HEALTHY, more({ diskWrittenKib: 20_480 }))).toBe("20 MiB written to disk");
    expect(judgeWork(HEALTHY, more({ diskReadKib: 20_480 }))).toBe("20 MiB read from disk");
    expect(judgeWork(HEALTHY, more({ cpuBusyTicks: 150 }))).toBeUndefined();
  });

  test("a guest without activity for the quiet time is stuck", () => {
    const activities = [
      { atMs: 5000, what: "image unpacked" },
      { atMs: 1000, what: "older" },
    ];
    const at = (nowMs: number): string => judgeProgress({ activities, sinceMs: 0, nowMs, quietMs: 60_000 }).message;
    expect(at(64_999)).toBe("still moving: image unpacked");
    expect(at(65_000)).toBe("nothing changed for 60 s");
    expect(judgeProgress({ activities: [], sinceMs: 0, nowMs: 60_000, quietMs: 60_000 })).toEqual({
      moving: false,
      message: "nothing changed for 60 s",
    });
  });
});
