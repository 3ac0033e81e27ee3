import { join } from "node:path";
import { MACHINES } from "./build-choice.ts";
import type { MachineName } from "./build-choice.ts";

/** Something that `clean` removes, and what it costs to have it again. */
export interface CleanStep {
  readonly path: string;
  readonly what: string;
}

export interface CleanOptions {
  readonly workFolder: string;
  /** Only this machine's; undefined: of all. */
  readonly machine: MachineName | undefined;
  readonly downloads: boolean;
  readonly sstate: boolean;
  readonly sources: boolean;
  /** Logs, results and settings of the machines too, not only what BitBake made. */
  readonly everything: boolean;
}

/**
 * What to remove: by default only what BitBake makes again from sstate in minutes. Only folders that this tool lays out itself are ever named.
 */
export function planClean(options: CleanOptions): readonly CleanStep[] {
  const { workFolder, machine, everything } = options;
  const machines = machine === undefined ? MACHINES : [machine];
  const steps = machines.flatMap((name): CleanStep[] => {
    const folder = join(workFolder, name);
    if (everything) return [{ path: folder, what: `the build of ${name}, with its logs, results and conf/auto.conf` }];
    return [
      { path: join(folder, "tmp"), what: `BitBake's work and images of ${name}` },
      { path: join(folder, "cache"), what: `BitBake's parse cache of ${name}` },
    ];
  });
  if (options.sstate || everything)
    steps.push({ path: join(workFolder, "sstate-cache"), what: "built parts: a build takes hours again" });
  if (options.downloads || everything)
    steps.push({ path: join(workFolder, "downloads"), what: "downloaded sources: they are fetched again" });
  if (options.sources || everything) steps.push({ path: join(workFolder, "sources"), what: "clones of bitbake and the layers" });
  return steps;
}
