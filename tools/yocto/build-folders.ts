import { join, resolve } from "node:path";
import type { MachineName } from "./build-choice.ts";

/** Where things of one machine's build are. `workFolder` is shared by all machines, `buildFolder` is BitBake's TOPDIR. */
export interface BuildFolders {
  readonly workFolder: string;
  readonly buildFolder: string;
  /** The generated top file of the kas configuration. */
  readonly kasFile: string;
  /** What `setup` was told, written by `setup`. */
  readonly setupFile: string;
  /** What came out, written by `build`, read by `boot` and `test`. */
  readonly resultFile: string;
  /** Logs of each build: a folder by time of start. */
  readonly logFolder: string;
  /** Durations of earlier builds, for the estimate of the time left. */
  readonly historyFile: string;
  readonly downloadFolder: string;
}

/** Work folder where none is given: below the repository, in what git ignores. */
export const DEFAULT_WORK_FOLDER = "build/yocto";

/** Folders of a machine's build; `workFolder` relative to `cwd` when given, else below the layer. */
export function planBuildFolders(options: {
  layerFolder: string;
  cwd: string;
  workFolder: string | undefined;
  machine: MachineName;
}): BuildFolders {
  const workFolder =
    options.workFolder === undefined ? join(options.layerFolder, DEFAULT_WORK_FOLDER) : resolve(options.cwd, options.workFolder);
  const buildFolder = join(workFolder, options.machine);
  return {
    workFolder,
    buildFolder,
    kasFile: join(buildFolder, "kas.yml"),
    setupFile: join(buildFolder, "setup.json"),
    resultFile: join(buildFolder, "result.json"),
    logFolder: join(buildFolder, "logs"),
    historyFile: join(buildFolder, "history.json"),
    downloadFolder: join(workFolder, "downloads"),
  };
}
