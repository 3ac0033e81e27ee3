import { relative } from "node:path";
import type { Prefetched } from "../gomod/write-prefetched.ts";
import type { FileChange, Generated } from "./run-generate.ts";

interface SummaryOptions {
  readonly root: string;
  readonly changes: readonly FileChange[];
  readonly dryRun: boolean;
  readonly prefetched: Prefetched | undefined;
}

function countKinds(generated: Generated): { zip: number; git: number; mod: number } {
  const counts = { zip: 0, git: 0, mod: 0 };
  for (const module of generated.lock.modules) counts[module.source.kind] += 1;
  return counts;
}

/** What a generation did, for people and for programs. */
export function formatSummary(generated: Generated, options: SummaryOptions): { readonly text: string; readonly json: unknown } {
  const { lock, files } = generated;
  const counts = countKinds(generated);
  const licenses = new Set(lock.modules.flatMap((module) => module.licenses.map((license) => license.spdx)));
  const changed = options.changes.map(({ path }) => relative(options.root, path));
  const moduleText = files
    .filter(({ path }) => /-(go-mods|licenses)\.inc$/.test(path))
    .reduce((bytes, { after }) => bytes + Buffer.byteLength(after), 0);
  const lines = [
    `${lock.program} ${lock.version} (Go ${lock.go}${lock.source.commit === undefined ? "" : `, commit ${lock.source.commit.slice(0, 12)}`})`,
    `modules: ${counts.zip + counts.git} (${counts.zip} verified against go.sum, ${counts.git} from git by a rule)${counts.mod === 0 ? "" : `, and ${counts.mod} bare go.mod files`}`,
    `licences: ${[...licenses].toSorted().join(", ")}; none unknown`,
    `text: ${(moduleText / 1000).toFixed(1)} kB of modules and licences`,
    ...(options.prefetched === undefined
      ? []
      : [
          `prefetched: ${options.prefetched.written} files written, ${options.prefetched.present} were there; ${options.prefetched.leftToBitbake} left for BitBake to fetch from git`,
        ]),
    ...(changed.length === 0 ? ["nothing changed"] : changed.map((path) => `${options.dryRun ? "would write" : "wrote"} ${path}`)),
  ];
  return {
    text: lines.join("\n"),
    json: {
      program: lock.program,
      version: lock.version,
      modules: counts,
      licenses: [...licenses].toSorted(),
      moduleTextBytes: moduleText,
      changed,
      dryRun: options.dryRun,
      prefetched: options.prefetched ?? null,
    },
  };
}
