import type { ClusterOutcome } from "../cluster/wait-cluster.ts";
import type { ExpectationInput } from "../cluster/plan-expectations.ts";
import type { GuestRunOptions, GuestShell } from "../cluster/guest-shell.ts";
import type { KubeClient } from "../cluster/open-kube-client.ts";
import type { Context } from "../core/context.ts";
import type { Machine, MachineExit } from "../machine/machine.ts";
import type { MachineOptions } from "../machine/plan-machine.ts";
import type { ImageFeature } from "./image-feature.ts";

/** What has to be Ready, beside what the guest's own configuration says. */
export interface ReadyOptions extends Partial<
  Pick<ExpectationInput, "workloads" | "strictNamespaces" | "nodeNames" | "nodeCount">
> {
  /** From now on, milliseconds; default 900,000. */
  readonly timeoutMs?: number;
  /** How long all must hold undisturbed, milliseconds; default 10,000. */
  readonly stabilityMs?: number;
}

/** One machine of a scenario, from power-on to power-off; a machine that is booted again is another Guest of the same name. */
export interface Guest {
  readonly name: string;
  readonly machine: Machine;
  readonly shell: GuestShell;
  /** The API of the server that this guest is, as its administrator. */
  readonly kube: KubeClient;
  /** stdout of a shell command that has to succeed. Throws GuestError with its last words otherwise. */
  sh(command: string, options?: GuestRunOptions): Promise<string>;
  /** Waits until the cluster whose server this guest is is Ready; a check of the scenario. Throws CheckError otherwise. */
  ready(what: string, options?: ReadyOptions): Promise<ClusterOutcome>;
  /**
   * Waits until the judge gives this guest's cluster up with a reason in these words; a check of the scenario. Throws CheckError where it gives
   * another reason, or is Ready, or gives none within the time (default 180,000 ms).
   */
  givenUp(what: string, options: { words: RegExp; timeoutMs?: number }): Promise<ClusterOutcome>;
  /** Resolves when the guest has ended by itself, as after `poweroff`. Throws CheckError after the time. */
  ended(options: { timeoutMs: number }): Promise<MachineExit>;
}

export interface GuestOptions extends MachineOptions {
  /** Another image than the scenario's; it has to stay as long as the machine runs. */
  readonly qemubootPath?: string;
  /** Keep the disks for the next boot of the same name. */
  readonly keepDisks?: boolean;
  /** From power-on until SSH lets the run in, milliseconds; default 300,000. */
  readonly sshTimeoutMs?: number;
}

/** Where a scenario's machines run and its checks are written down. */
export interface Lab {
  readonly ctx: Context;
  /** The image that machines boot unless told otherwise. */
  readonly qemubootPath: string;
  /** For whatever the scenario makes; removed at the end. */
  readonly folder: string;
  /** Boots a machine and waits for its SSH server; a check of the scenario. */
  boot(name: string, options?: GuestOptions): Promise<Guest>;
  /**
   * One thing that the scenario proves, in words that say what holds when it passes: "no image was pulled". Failing ends the scenario; what
   * was to come is not judged. Any error but an abort is the check's failure.
   */
  check<T>(name: string, act: () => Promise<T>): Promise<T>;
  /** Repeats `look` until it gives no words of what is still missing. Throws CheckError with the last words after the time. */
  until(look: () => Promise<string | undefined>, options: { timeoutMs: number; everyMs?: number }): Promise<void>;
}

/** A fault that the testbed plants, so that the scenario is seen to fail for it. */
export interface Defect {
  readonly name: string;
  /** What is wrong then, for people. */
  readonly about: string;
  /** Changes to each machine that boots, by name. */
  readonly machine: (guest: string) => MachineOptions;
  /** The check that has to fail, and the words of its failure. */
  readonly fails: { readonly check: RegExp; readonly words: RegExp };
}

/** One promise about clusters on devices, proven on machines. */
export interface Scenario {
  readonly name: string;
  /** One line for people: what it proves. */
  readonly about: string;
  /** Rough duration under emulation on two cores, minutes. */
  readonly minutes: number;
  readonly defects: readonly Defect[];
  /** What its machines' image must have; the testbed is made with it, an image that is named has to bring it. Nothing without it. */
  readonly needs?: readonly ImageFeature[];
  run(lab: Lab): Promise<void>;
}
