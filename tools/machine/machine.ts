import type { MachineSpec } from "./machine-spec.ts";

/** Why a machine is no longer running. `detail` is one line for people; `consoleTail` the last lines of its serial console. */
export interface MachineExit {
  readonly reason: "powered-off" | "panicked" | "killed" | "crashed";
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
    | "unit-failed";
  /** Milliseconds since power-on. */
  readonly atMs: number;
  readonly line: string;
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
  readonly ssh: SshEndpoint;
  readonly pid: number;
  /** Wall-clock time of power-on, milliseconds since 1970. */
  readonly poweredOnAtMs: number;
  /** Everything the serial console printed, from the first byte. */
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
