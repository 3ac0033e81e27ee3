import type { Context } from "../core/context.ts";
import type { MachineSpec } from "./machine-spec.ts";

/**
 * Why a machine is no longer running. "rebooted" is a guest that asked for a reset where the plan does not allow one; "killed" is QEMU
 * ended from outside, by this tool or another; "crashed" is QEMU itself failing. `detail` is what is known beyond that, in one line for
 * people, or ""; `consoleTail` the last lines of its serial console.
 */
export interface MachineExit {
  readonly reason: "powered-off" | "rebooted" | "panicked" | "killed" | "crashed";
  readonly detail: string;
  readonly consoleTail: string;
}

/** Something seen on the serial console that a waiter must know at once. */
export interface ConsoleEvent {
  readonly kind:
    | "kernel-started"
    | "userspace-started"
    | "login-prompt"
    | "kernel-panic"
    | "oom-kill"
    | "disk-error"
    | "emergency-mode"
    | "systemd-frozen"
    | "cpu-stall"
    | "unit-failed";
  /** Milliseconds since power-on. */
  readonly atMs: number;
  /** The console's line, without control characters. */
  readonly line: string;
  /** Whom it concerns, where the line says so: the process killed, the unit that failed, the disk. */
  readonly subject: string | undefined;
}

/** How to reach the guest's SSH server: always on 127.0.0.1, on a port that QEMU chose itself. */
export interface SshEndpoint {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly user: string;
  /** OpenSSH private key, for this run only. */
  readonly privateKeyPath: string;
  /** The host key the guest must present ("ssh-ed25519 AAAA…"); undefined when it cannot be known beforehand (pin the first one seen). */
  readonly hostKey: string | undefined;
}

/** A running QEMU. Disposing it ends QEMU and removes its temporary files, whatever state it is in; what the bundle needs stays. */
export interface Machine extends AsyncDisposable {
  readonly spec: MachineSpec;
  readonly launcher: "qemu" | "runqemu";
  readonly ssh: SshEndpoint;
  /** QEMU's own process id, also under runqemu. */
  readonly pid: number;
  /** Wall-clock time of power-on, milliseconds since 1970. */
  readonly poweredOnAtMs: number;
  /** Everything the serial console printed, from the first byte. In the plan's outputFolder it outlives the machine. */
  readonly consolePath: string;
  /** Resolves when QEMU has ended, for whatever reason; never rejects. */
  readonly exited: Promise<MachineExit>;
  /** Calls back for each console event, those already seen first. Returns the function that ends it. */
  onConsoleEvent(listener: (event: ConsoleEvent) => void): () => void;
  /** Asks the guest to shut down (ACPI or QMP system_powerdown) and waits; ends QEMU when the guest does not within the time. */
  powerOff(options: { timeoutMs: number }): Promise<MachineExit>;
  /** Cuts the power: SIGKILL, nothing is flushed. */
  cutPower(): Promise<MachineExit>;
  /** Sends one QMP command and gives its return value. Throws GuestError when QMP answers with an error or is gone. */
  qmp(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** KVM or emulation, and why, in words for people. */
export interface Accelerator {
  readonly kind: "kvm" | "tcg";
  readonly reason: string;
}

/** How the run gets into the guest: with keys made for it and handed over as systemd credentials, or with the user's own. */
export type GuestAccess =
  | { readonly kind: "credentials"; readonly user: string }
  | { readonly kind: "own-key"; readonly user: string; readonly privateKeyPath: string };

/** A file that the guest finds at boot, before its services start. Owned by root; its folder is made where it is missing. */
export interface GuestFile {
  readonly path: string;
  /** Four octal digits, as tmpfiles.d(5) writes them: "0600". */
  readonly mode: string;
  readonly content: string;
}

/**
 * What the guest is handed at boot beside the run's keys, through systemd credentials: files, and credentials by name
 * (systemd.system-credentials(7): "systemd.unit-dropin.k3s.service"). Never on a command line, so it may be secret. Needs a guest that
 * takes credentials.
 */
export interface GuestHandOver {
  readonly files: readonly GuestFile[];
  readonly credentials: readonly { readonly name: string; readonly content: string }[];
}

/** A machine and all that was decided about running it on this host. */
export interface MachinePlan {
  readonly handOver: GuestHandOver;
  readonly spec: MachineSpec;
  readonly accelerator: Accelerator;
  readonly qemu: { readonly path: string; readonly version: string };
  readonly access: GuestAccess;
  /** Folder for console.log and qemu.log, which stay after the run; undefined puts them in the run's folder, removed with it. */
  readonly outputFolder: string | undefined;
  /** Folder for overlays and blank disks that outlive the machine and are found again by the next one; undefined: thrown away. */
  readonly stateFolder: string | undefined;
  /** For the user, said once. */
  readonly warnings: readonly string[];
}

/** The two ways to start a machine: QEMU directly (spawn-qemu.ts) and OpenEmbedded's runqemu (spawn-runqemu.ts). */
export interface Launcher {
  readonly name: "qemu" | "runqemu";
  /**
   * Powers the machine on. Resolves when QEMU runs and the SSH port is known, long before the guest is up. Throws PreflightError when the
   * host cannot (port in use, disk full), CommandError when QEMU or runqemu refuses, AbortedError when stopped.
   */
  launch(ctx: Context, plan: MachinePlan): Promise<Machine>;
}
