import { stripVTControlCharacters } from "node:util";
import type { ConsoleEvent } from "./machine.ts";

/** A console event before it has a time. */
export type ConsoleFinding = Pick<ConsoleEvent, "kind" | "line" | "subject">;

interface Pattern {
  readonly kind: ConsoleEvent["kind"];
  /** Its first group, where it has one, is the subject. */
  readonly pattern: RegExp;
}

/**
 * Sources: Linux init/version.c, kernel/panic.c, kernel/rcu/tree_stall.h, kernel/watchdog.c, mm/oom_kill.c, block/blk-core.c, fs/ext4/super.c; systemd src/core/main.c, crash-handler.c and job.c,
 * src/sulogin-shell;
 * sysvinit; getty. The first that matches counts.
 */
const PATTERNS: readonly Pattern[] = [
  { kind: "kernel-panic", pattern: /Kernel panic - not syncing/u },
  { kind: "oom-kill", pattern: /(?:Out of memory|Memory cgroup out of memory): Killed process \d+ \(([^)]*)\)/u },
  { kind: "disk-error", pattern: /\bI\/O error, dev (\w+)/u },
  { kind: "disk-error", pattern: /\b(?:EXT4-fs|BTRFS) (?:error|critical) \(device (\w+)/u },
  { kind: "cpu-stall", pattern: /\brcu: INFO: \w+ (?:self-)?detected (?:expedited )?stalls? on CPU/u },
  { kind: "cpu-stall", pattern: /watchdog: BUG: soft lockup - CPU#\d+ stuck/u },
  { kind: "emergency-mode", pattern: /^You are in emergency mode\.|Reached target .*\bEmergency Mode\b/u },
  { kind: "systemd-frozen", pattern: /systemd\[1\]: Freezing execution\b/u },
  { kind: "unit-failed", pattern: /systemd\[1\]: ([\w@.:\\-]+): Failed with result/u },
  { kind: "unit-failed", pattern: /\[FAILED\] Failed to (?:start|mount|listen on|activate swap) (.+?)\.?$/u },
  { kind: "kernel-started", pattern: /\] (?:Linux version |Booting Linux on physical CPU)|^Linux version /u },
  { kind: "userspace-started", pattern: /systemd\[1\]: systemd \d+\S* running in system mode|^Welcome to .+!$|^INIT: version / },
  { kind: "login-prompt", pattern: /^\S+ login:\s*$/u },
];

/** A CSI sequence with a private or intermediate byte, such as systemd's "soft reset" ESC [ ! p, which node:util leaves in. */
const CONTROL_SEQUENCE = new RegExp(String.raw`\u001b\[[!?>=]*[0-9;]*[ -/]*[@-~]`, "gu");

function stripControls(text: string): string {
  return stripVTControlCharacters(text.replaceAll(CONTROL_SEQUENCE, "")).replaceAll("\r", "");
}

/** What one line of the console means, or undefined. Control characters may be in it. */
export function parseConsoleLine(raw: string): ConsoleFinding | undefined {
  const line = stripControls(raw).trimEnd();
  for (const { kind, pattern } of PATTERNS) {
    const match = pattern.exec(line);
    if (match !== null) return { kind, line, subject: match[1] };
  }
  return undefined;
}

/** Splits what has come so far into whole lines and the beginning of the next one. */
export function parseConsoleLines(text: string): { lines: string[]; rest: string } {
  const lines = text.split("\n");
  const rest = lines.pop() ?? "";
  return { lines, rest };
}

/** The last lines of a console for people: no control characters, no empty lines. */
export function formatConsoleTail(text: string, lines = 30): string {
  return stripControls(text)
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-lines)
    .join("\n");
}
