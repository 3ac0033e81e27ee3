import type { GoMod } from "../gomod/parse-go-mod.ts";
import type { Program } from "./parse-versions-file.ts";
import type { VariableGroup } from "./recipe-data.ts";

/** "k3s-runc" → "K3S_RUNC": how the variables of a program's version file begin. */
export function formatVariablePrefix(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}

/** "https://github.com/k3s-io/k3s.git" → "github.com/k3s-io/k3s", as BitBake's git:// URIs want it. */
export function formatRepository(program: Program): string {
  return (program.git ?? program.module ?? "").replace(/^[a-z+]+:\/\//, "").replace(/\.git$/, "");
}

/** The version as a file name carries it: "v1.36.3+k3s1" → "1.36.3". */
export function formatRecipeVersion(version: string): string {
  return version.replace(/^v/, "").replace(/\+.*$/, "");
}

/** Patches as SRC_URI entries; undefined when there are none. */
export function formatPatchUris(program: Program): string | undefined {
  return program.patches.length === 0
    ? undefined
    : program.patches.map((patch) => `file://${patch.split("/").at(-1) ?? patch}`).join(" ");
}

/** The variables of the version file of a program that has no release data of its own. */
export function planProgramVariables(program: Program, goMod: GoMod, commit: string | undefined): readonly VariableGroup[] {
  const prefix = formatVariablePrefix(program.name);
  const values: readonly (readonly [string, string | undefined])[] = [
    [`${prefix}_VERSION`, program.version],
    [`${prefix}_COMMIT`, commit],
    [`${prefix}_BRANCH`, program.branch],
    [`${prefix}_REPOSITORY`, formatRepository(program)],
    [`${prefix}_GO_VERSION`, goMod.go],
    [`${prefix}_PATCHES`, formatPatchUris(program)],
  ];
  return [
    { title: "The release", values: values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])) },
  ];
}
