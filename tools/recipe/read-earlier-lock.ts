import { join, relative } from "node:path";
import type { Context } from "../core/context.ts";
import { parseLock } from "./parse-lock.ts";
import type { Lock } from "./parse-lock.ts";

export interface EarlierLockOptions {
  /** Folder of versions.yaml. */
  readonly root: string;
  readonly folder: string;
  readonly name: string;
  readonly version: string;
}

const MOST_COMMITS = 200;

/**
 * The lock of another version of a program, from this repository's own history: whatever was generated and committed once can be compared
 * without fetching it again. undefined when no commit has it, or there is no history.
 */
export async function readEarlierLock(
  ctx: Context,
  { root, folder, name, version }: EarlierLockOptions,
): Promise<Lock | undefined> {
  const path = join(folder, `${name}.lock.json`);
  const log = await ctx.exec.run(["git", "-C", root, "log", `--max-count=${MOST_COMMITS}`, "--format=%H", "--", path]);
  const top = await ctx.exec.run(["git", "-C", root, "rev-parse", "--show-toplevel"]);
  if (log.status !== 0 || top.status !== 0) return undefined;
  const inRepository = join(relative(top.stdout.trim(), root), path);
  for (const commit of log.stdout.split("\n").filter((line) => line !== "")) {
    const shown = await ctx.exec.run(["git", "-C", root, "show", `${commit}:${inRepository}`]);
    // An older form of the file is passed over: it cannot be compared.
    const lock = shown.status === 0 ? readableLock(shown.stdout) : undefined;
    if (lock?.version === version) return lock;
  }
  return undefined;
}

function readableLock(text: string): Lock | undefined {
  try {
    return parseLock(text, "an earlier lock");
  } catch {
    return undefined;
  }
}
