import { formatDownloadName } from "../gomod/parse-module.ts";
import type { ModuleVersion } from "../gomod/parse-module.ts";

/** A Go module that a recipe fetches, and what its zip must be. */
export interface ModuleSource {
  readonly module: ModuleVersion;
  readonly extension: "zip" | "mod";
  readonly sha256: string;
  /** The file's name in DL_DIR. */
  readonly downloadName: string;
}

const URI = /gomod:\/\/([^;\s"\\]+)((?:;[^;\s"\\]+)+)/gu;

/** Reads the `gomod://` URIs of a recipe's text (bitbake, lib/bb/fetch2/gomod.py); those without a checksum are left to BitBake. */
export function parseModuleSources(text: string): readonly ModuleSource[] {
  return [...text.matchAll(URI)].flatMap(([, path = "", rest = ""]) => {
    const parameters = Object.fromEntries(
      rest
        .slice(1)
        .split(";")
        .map((pair) => pair.split("=", 2) as [string, string]),
    );
    const { version, sha256sum, mod, downloadfilename } = parameters as Partial<Record<string, string>>;
    if (version === undefined || sha256sum === undefined) return [];
    const module = { path, version };
    const extension = mod === undefined ? "zip" : "mod";
    return [{ module, extension, sha256: sha256sum, downloadName: downloadfilename ?? formatDownloadName(module, extension) }];
  });
}
