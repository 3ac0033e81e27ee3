import type { ExpectationInput } from "../cluster/plan-expectations.ts";
import type { GuestShell } from "../cluster/guest-shell.ts";
import type { Env } from "../core/context.ts";
import type { Machine } from "../machine/machine.ts";
import type { MachineOptions } from "../machine/plan-machine.ts";
import type { RunRecord } from "../report/run-record.ts";

/** How to boot: everything beside the image has a default. */
export interface BootOptions {
  /** A `*.qemuboot.conf`, absolute or relative to the context's folder. */
  readonly path: string;
  readonly fsType?: string | undefined;
  readonly launcher: "qemu" | "runqemu";
  /** OE's runqemu, where it is not on PATH. */
  readonly runqemuPath?: string | undefined;
  /** Environment for it, as oe-init-build-env makes it; default: the tool's own. */
  readonly runqemuEnvironment?: Env | undefined;
  readonly machine: MachineOptions;
}

/** How to judge. */
export interface BootTestOptions extends BootOptions {
  /** The command line, for the report. */
  readonly command: string;
  /** From power-on to the verdict, milliseconds; without it what planReadyTimeoutMs gives the machine. */
  readonly timeoutMs?: number | undefined;
  /** How long all must hold undisturbed, milliseconds. */
  readonly stabilityMs: number;
  /** Expectations beside those that the guest's own configuration gives. */
  readonly expect?: Partial<Pick<ExpectationInput, "workloads" | "strictNamespaces" | "nodeNames" | "nodeCount">>;
  readonly junitPath?: string | undefined;
  /** Called with the machine and its shell while it still runs, after a verdict of Ready. */
  readonly whileRunning?: ((guest: { machine: Machine; shell: GuestShell; runFolder: string }) => Promise<void>) | undefined;
}

export interface BootTestResult {
  readonly record: RunRecord;
  /** Folder with run.json, index.html, junit.xml, console.log and, after a failure, the bundle. */
  readonly runFolder: string;
}
