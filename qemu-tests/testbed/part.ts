import type { Context } from "../../tools/core/context.ts";

/**
 * One thing that the testbed is made of and that is worth keeping: made from its inputs alone, in a folder of its own. Two parts with the same
 * name and the same inputs are the same thing.
 */
export interface Part {
  /** Also the name of the part's folder in the cache. */
  readonly name: string;
  /** What is made, for people: "Kubernetes for amd64". */
  readonly title: string;
  /** Everything that the result depends on, beside the parts it needs: what it is, and its digest or its text. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Names of the parts whose results this one reads. */
  readonly needs: readonly string[];
  /** "cpu": compiles with all cores, so one runs at a time; "io": waits for the network and the disk. */
  readonly load: "cpu" | "io";
  /** Makes the part in `dir`, an empty folder. `need` gives the folder of a part named in `needs`. */
  readonly build: (ctx: Context, job: PartJob) => Promise<void>;
}

export interface PartJob {
  readonly dir: string;
  readonly need: (name: string) => string;
}

/** What the cache remembers of a part that was made: enough to say why it has to be made again. */
export interface PartRecord {
  readonly schemaVersion: 1;
  readonly name: string;
  readonly hash: string;
  readonly inputs: Readonly<Record<string, string>>;
  /** How long it took, seconds. */
  readonly seconds: number;
}

/** How a part came to be in this run. */
export interface PartOutcome {
  readonly name: string;
  readonly action: "reused" | "built";
  /** Seconds that making it took in this run; 0 when reused. */
  readonly seconds: number;
  /** Why it was built; empty when reused. */
  readonly reason: string;
  /** Folder with the result. */
  readonly dir: string;
}
