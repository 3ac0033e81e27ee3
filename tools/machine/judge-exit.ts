import type { MachineExit } from "./machine.ts";

/** What was seen of a machine's end. */
export interface ExitEvidence {
  /** How QEMU's process (or runqemu's) ended. */
  readonly status: number | undefined;
  readonly signalName: string | undefined;
  /** `reason` of QMP's SHUTDOWN event (qapi/run-state.json: ShutdownCause), where one came. */
  readonly shutdownReason: string | undefined;
  /** QMP's GUEST_PANICKED event came (pvpanic). */
  readonly panicEvent: boolean;
  /** The console's "Kernel panic" line, where there is one. */
  readonly panicLine: string | undefined;
  /** What this tool itself did to end it. */
  readonly endedByTool: "power-cut" | "power-off-timeout" | "disposed" | undefined;
  readonly consoleTail: string;
  /** What QEMU printed on stderr. */
  readonly logTail: string;
}

/** The part of a kernel's panic line that names the cause. */
function panicCause(line: string): string {
  return line.replace(/^.*Kernel panic - not syncing:?\s*/u, "").trim();
}

function describePanic(evidence: ExitEvidence): string {
  const cause = panicCause(evidence.panicLine ?? "");
  if (/CPU ISA level is lower than required|Fatal glibc error: CPU does not support/u.test(evidence.consoleTail)) {
    return "the image's C library refuses the emulated processor (built for x86-64-v2 or later): install a newer QEMU";
  }
  return cause;
}

/** Decides why a machine has ended, from what was seen of it. */
export function judgeExit(evidence: ExitEvidence): MachineExit {
  const { consoleTail } = evidence;
  const exit = (reason: MachineExit["reason"], detail: string): MachineExit => ({ reason, detail, consoleTail });
  if (evidence.endedByTool === "power-cut") return exit("killed", "the power was cut");
  if (evidence.panicEvent || evidence.panicLine !== undefined) return exit("panicked", describePanic(evidence));
  if (evidence.endedByTool === "power-off-timeout")
    return exit("killed", "the guest did not shut down in time and was switched off");
  const shutdown = evidence.shutdownReason ?? "";
  if (shutdown === "guest-shutdown") return exit("powered-off", "");
  if (shutdown === "guest-reset" || shutdown === "subsystem-reset") return exit("rebooted", "");
  if (shutdown === "guest-panic") return exit("panicked", "");
  if (evidence.endedByTool === "disposed") return exit("killed", "the machine was no longer needed");
  if (shutdown.startsWith("host-")) return exit("killed", `it was told to quit from outside (${shutdown})`);
  const log = evidence.logTail.trim();
  if (evidence.signalName === "SIGKILL" || evidence.signalName === "SIGTERM" || (evidence.signalName === undefined && log === "")) {
    const how = evidence.signalName === undefined ? "it vanished" : `ended by ${evidence.signalName}`;
    return exit("killed", `${how}, by somebody or by the host for want of memory`);
  }
  const how = evidence.signalName === undefined ? `exit status ${evidence.status}` : evidence.signalName;
  return exit("crashed", `${how}${log === "" ? "" : `: ${log.split("\n").at(-1)}`}`);
}
