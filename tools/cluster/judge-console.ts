import type { ConsoleEvent, MachineExit } from "../machine/machine.ts";
import type { Problem } from "./expectation.ts";
import { parseOomLine } from "./judge-guest.ts";

/**
 * Whether a line of the serial console means that waiting on is pointless. A unit that failed is no such thing: systemd may start it again,
 * and not every unit matters. Nor is a CPU that stalled: on a busy host it may only have had to wait for its turn.
 */
export function judgeConsoleEvent(event: ConsoleEvent): Problem | undefined {
  const line = event.line.trim();
  switch (event.kind) {
    case "kernel-panic":
      return {
        code: "KERNEL_PANIC",
        subject: "kernel",
        message: `the guest's kernel panicked: ${line}`,
        hint: "the console shows what led to it; a root filesystem that cannot be mounted and too little memory are the usual causes",
      };
    case "oom-kill": {
      const victim = parseOomLine(line);
      if (victim === undefined) return undefined;
      return {
        code: "OOM_KILL",
        subject: victim,
        message: `the kernel ran out of memory and killed ${victim}`,
        hint: "give the machine more memory: a k3s server needs 2048 MiB (--memory 2048), an agent 512",
      };
    }
    case "disk-error":
      return {
        code: "DISK_ERROR",
        subject: "disk",
        message: `the guest cannot use its disk: ${line}`,
        hint: "is the host's disk full, or the image damaged?",
      };
    case "emergency-mode":
      return {
        code: "EMERGENCY_MODE",
        subject: "systemd",
        message: "the guest went into systemd's emergency mode, and starts no further",
        hint: "a filesystem or a partition that it must have is missing or failed: the console names the unit or the device before that",
      };
    case "systemd-frozen":
      return {
        code: "SYSTEMD_FROZEN",
        subject: "systemd",
        message: "the guest's systemd gave up and froze, and starts no further",
        hint: "the console says why in the lines before that; on a host that is very busy its own time limits can run out: try again when it is idle",
      };
    case "kernel-started":
    case "userspace-started":
    case "login-prompt":
    case "unit-failed":
    case "cpu-stall":
      return undefined;
  }
}

/** A machine that ended before its cluster was Ready: always a problem, whatever the reason. */
export function judgeMachineExit(exit: MachineExit): Problem {
  const told = exit.detail === "" ? "" : `: ${exit.detail}`;
  switch (exit.reason) {
    case "panicked":
      return {
        code: "KERNEL_PANIC",
        subject: "kernel",
        message: `the guest's kernel panicked${told}`,
        hint: "the console shows what led to it; a root filesystem that cannot be mounted and too little memory are the usual causes",
      };
    case "powered-off":
      return {
        code: "MACHINE_POWERED_OFF",
        subject: "machine",
        message: `the guest powered itself off before it was Ready${told}`,
        hint: "the end of its console says why",
      };
    case "rebooted":
      return {
        code: "MACHINE_REBOOTED",
        subject: "machine",
        message: `the guest rebooted itself before it was Ready${told}`,
        hint: "the end of its console says why",
      };
    case "killed":
      return {
        code: "MACHINE_KILLED",
        subject: "machine",
        message: `QEMU was killed${told}`,
        hint: "somebody ended it, or the host ran out of memory (see dmesg on the host)",
      };
    case "crashed":
      return {
        code: "MACHINE_CRASHED",
        subject: "machine",
        message: `QEMU ended by itself${told}`,
        hint: "QEMU's own output says why",
      };
  }
}
