import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { parseGuestHealth, renderHealthLoop } from "./parse-guest-health.ts";

const SAMPLE = `
uptime 81.42
load 3.10
MemTotal:        2021180 kB
MemAvailable:     913244 kB
pgpgin 210344
pgpgout 96120
oom_kill 1
workingset_refault_anon 3
workingset_refault_file 2560
cpu  1000 20 300 5000 100 5 25 50 0 0
boot 0d6b8d0e-7f0c-4f43-8f3d-1f6f0e7d6a11
date 1795273200
@df
Filesystem     1024-blocks    Used Available Capacity Mounted on
/dev/root          4046560 1290104   2530400      34% /
/dev/vdb           1000000  100000    900000      10% /var/lib/ran cher
@dfi
Filesystem      Inodes  IUsed  IFree IUse% Mounted on
/dev/root       261120  29811 231309   12% /
/dev/vdb             0      0      0     - /var/lib/ran cher
@units
Id=k3s.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
Result=exit-code
NRestarts=3
ExecMainStatus=1

Id=k3s-agent.service
LoadState=not-found
ActiveState=inactive
SubState=dead
Result=success
NRestarts=0
ExecMainStatus=0`.split("\n");

describe("a health sample", () => {
  test("gives memory, CPU, disks, clock and units", () => {
    expect(parseGuestHealth(SAMPLE)).toEqual({
      bootId: "0d6b8d0e-7f0c-4f43-8f3d-1f6f0e7d6a11",
      uptimeMs: 81_420,
      clockMs: 1_795_273_200_000,
      memoryTotalMib: 1974,
      memoryAvailableMib: 892,
      load1: 3.1,
      cpuBusyTicks: 1400,
      cpuTotalTicks: 6500,
      diskReadKib: 210_344,
      diskWrittenKib: 96_120,
      oomKills: 1,
      refaultedMib: 10,
      filesystems: [
        { mount: "/", totalKib: 4_046_560, availableKib: 2_530_400, availableInodes: 231_309 },
        { mount: "/var/lib/ran cher", totalKib: 1_000_000, availableKib: 900_000, availableInodes: undefined },
      ],
      units: [
        {
          name: "k3s.service",
          loaded: true,
          active: "activating",
          sub: "auto-restart",
          result: "exit-code",
          restarts: 3,
          exitStatus: 1,
        },
        {
          name: "k3s-agent.service",
          loaded: false,
          active: "inactive",
          sub: "dead",
          result: "success",
          restarts: 0,
          exitStatus: 0,
        },
      ],
    });
  });

  test("without memory or uptime is none", () => {
    expect(parseGuestHealth([])).toBeUndefined();
    expect(parseGuestHealth(SAMPLE.filter((line) => !line.startsWith("MemAvailable")))).toBeUndefined();
  });

  test("does without systemd, df and the OOM counter", () => {
    const bare = SAMPLE.slice(0, 5).filter((line) => line !== "");
    expect(parseGuestHealth(bare)).toMatchObject({
      bootId: undefined,
      oomKills: undefined,
      refaultedMib: undefined,
      filesystems: [],
      units: [],
      clockMs: undefined,
    });
  });

  test("of this very machine, by the loop under sh, can be read", () => {
    const loop = renderHealthLoop({ intervalSeconds: 0, units: ["k3s.service"] }).replace("while :; do", "for once in 1; do");
    const lines = execFileSync("sh", ["-c", loop], { encoding: "utf8" }).split("\n");
    expect(lines[0]).toBe("@sample");
    expect(lines.at(-2)).toBe("@end");
    const sample = parseGuestHealth(lines);
    expect(sample?.bootId).toMatch(/^[0-9a-f-]{36}$/u);
    expect(sample?.memoryTotalMib).toBeGreaterThan(16);
    expect(sample?.filesystems.map((use) => use.mount)).toContain("/");
    expect(sample?.cpuTotalTicks).toBeGreaterThanOrEqual(sample?.cpuBusyTicks ?? Infinity);
  });
});
