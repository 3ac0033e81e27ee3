import { dirname, relative } from "node:path";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { EXIT } from "../core/exit-codes.ts";
import { writePrefetched } from "../gomod/write-prefetched.ts";
import { diffLocks, formatLockDifference } from "./diff-locks.ts";
import { formatSummary } from "./format-summary.ts";
import { readEarlierLock } from "./read-earlier-lock.ts";
import {
  formatChanges,
  openGenerateStore,
  planGeneration,
  planRecorded,
  readPrograms,
  selectChanges,
  writeGenerated,
} from "./run-generate.ts";
import type { GenerateRequest, Generated } from "./run-generate.ts";

/** What a request comes to: text for people, data for programs, an exit code. */
export interface Outcome {
  readonly text: string;
  readonly json: unknown;
  readonly exitCode: number;
}

/** Whether the request names anything to gather a recipe from anew. */
function hasInputs(request: GenerateRequest): boolean {
  return request.source !== undefined || request.modules !== undefined || request.version !== undefined;
}

/** Generates one program and writes what changed; with `dryRun` only says so. */
export async function runWrite(
  ctx: Context,
  request: GenerateRequest,
  options: { readonly dryRun: boolean; readonly prefetch: string | undefined },
): Promise<Outcome> {
  if (request.name === undefined) {
    const names = [...(await readPrograms(request.versionsFile)).keys()].toSorted();
    throw new UsageError("say which program to generate", { hint: `versions.yaml has ${names.join(", ")}` });
  }
  const generated = await planGeneration(ctx, request);
  const changes = selectChanges([generated]);
  const root = dirname(request.versionsFile);
  if (!options.dryRun) await writeGenerated(changes);
  const prefetched =
    options.prefetch === undefined || options.dryRun
      ? undefined
      : await writePrefetched(ctx, generated.lock.modules, { store: openGenerateStore(ctx), folder: options.prefetch });
  const summary = formatSummary(generated, { root, changes, dryRun: options.dryRun, prefetched });
  return { text: summary.text, json: summary.json, exitCode: EXIT.ok };
}

/**
 * Says whether generating would change files: from what is recorded beside them, or, where a source, a list or another version is given, from
 * that. Exit code 7 and a diff when it would.
 */
export async function runCheck(ctx: Context, request: GenerateRequest): Promise<Outcome> {
  const generated: readonly Generated[] = hasInputs(request) ? [await planGeneration(ctx, request)] : await planRecorded(request);
  const changes = selectChanges(generated);
  const root = dirname(request.versionsFile);
  const names = generated.map(({ lock }) => `${lock.program} ${lock.version}`);
  const files = changes.map(({ path }) => relative(root, path));
  const json = { programs: names, changed: files };
  if (changes.length === 0)
    return { text: `up to date: ${names.length === 0 ? "nothing was generated yet" : names.join(", ")}`, json, exitCode: EXIT.ok };
  const verdict = `${files.length === 1 ? "1 file is" : `${files.length} files are`} not what would be generated: ${files.join(", ")}`;
  return { text: `${formatChanges(changes, root)}\n${verdict}`, json, exitCode: EXIT.drift };
}

/** Tells what differs between another version and the one asked for, in words. */
export async function runDiff(ctx: Context, request: GenerateRequest, otherVersion: string): Promise<Outcome> {
  const program = (await readPrograms(request.versionsFile)).get(request.name ?? "");
  if (program === undefined) throw new UsageError(`versions.yaml has no program "${request.name ?? ""}"`);
  const root = dirname(request.versionsFile);
  const recorded = hasInputs(request) ? undefined : await planRecorded(request);
  const current = recorded?.[0]?.lock ?? (await planGeneration(ctx, request)).lock;
  const earlier = await readEarlierLock(ctx, { root, folder: program.folder, name: program.name, version: otherVersion });
  const other =
    earlier ?? (await planGeneration(ctx, { ...request, version: otherVersion, source: undefined, modules: undefined })).lock;
  const difference = diffLocks(other, current);
  return { text: formatLockDifference(difference), json: difference, exitCode: EXIT.ok };
}
