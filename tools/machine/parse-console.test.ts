import { expect, test } from "vitest";
import { formatConsoleTail, parseConsoleLine, parseConsoleLines } from "./parse-console.ts";

test.each([
  ["[    0.000000] Linux version 6.12.107+deb13-cloud-amd64 (gcc) #1 SMP\r", "kernel-started", undefined],
  ["[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x411fd070]", "kernel-started", undefined],
  ["\u001b[!p[   39.880024] systemd[1]: systemd 257.13-1~deb13u1 running in system mode (+PAM)", "userspace-started", undefined],
  ["\u001b[0;1;39mWelcome to \u001b[0m\u001b[1mDebian GNU/Linux 13 (trixie)\u001b[0m!", "userspace-started", undefined],
  ["scratch login: ", "login-prompt", undefined],
  ["[    5.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", "kernel-panic", undefined],
  ["[   88.1] Out of memory: Killed process 412 (k3s-server) total-vm:1293008kB, anon-rss:1kB", "oom-kill", "k3s-server"],
  ["[   90.0] Memory cgroup out of memory: Killed process 990 (coredns) total-vm:1kB", "oom-kill", "coredns"],
  ["[   12.3] I/O error, dev vda, sector 2048 op 0x1:(WRITE) flags 0x0", "disk-error", "vda"],
  ["[   12.4] EXT4-fs error (device vda): ext4_lookup:1786: inode #2: comm sh: deleted inode referenced", "disk-error", "vda"],
  ["[   20.9] systemd[1]: k3s.service: Failed with result 'exit-code'.", "unit-failed", "k3s.service"],
  [
    "[\u001b[0;1;31mFAILED\u001b[0m] Failed to start \u001b[0;1;39mk3s.service\u001b[0m - Lightweight Kubernetes.",
    "unit-failed",
    "k3s.service - Lightweight Kubernetes",
  ],
  [
    "[\u001b[0;32m  OK  \u001b[0m] Reached target \u001b[0;1;39memergency.target\u001b[0m - Emergency Mode.",
    "emergency-mode",
    undefined,
  ],
  ["[  222.542074] systemd[1]: Freezing execution.", "systemd-frozen", undefined],
  ["[   23.076053] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "cpu-stall", undefined],
  ["[   21.0] rcu: INFO: rcu_sched self-detected stall on CPU", "cpu-stall", undefined],
  [
    "[   21.0] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D } 5 jiffies s: 9 root: 0x2/.",
    "cpu-stall",
    undefined,
  ],
  ["[   48.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:1]", "cpu-stall", undefined],
  ['You are in emergency mode. After logging in, type "journalctl -xb" to view', "emergency-mode", undefined],
])("%j", (line, kind, subject) => {
  expect(parseConsoleLine(line)).toMatchObject({ kind, subject });
});

test.each([
  "[  OK  ] Started k3s.service - Lightweight Kubernetes.",
  'k3s[300]: time=... msg="login: not a prompt"',
  "[    1.0] Run /init as init process",
  "[  OK  ] Started emergency.service - Emergency Shell.",
  "Last login: Sat Nov 21 on ttyS0",
  "",
])("nothing is made of %j", (line) => {
  expect(parseConsoleLine(line)).toBeUndefined();
});

test("what is reported has no control characters", () => {
  expect(parseConsoleLine("\u001b[!p\u001b[31mscratch login:\u001b[0m \r")?.line).toBe("scratch login:");
});

test("the beginning of a line waits for its end", () => {
  expect(parseConsoleLines("a\nb\nc")).toEqual({ lines: ["a", "b"], rest: "c" });
});

test("the tail has the last lines with something in them", () => {
  expect(formatConsoleTail("one\r\n\r\n\u001b[1mtwo\u001b[0m\r\nthree\r\n", 2)).toBe("two\nthree");
});
