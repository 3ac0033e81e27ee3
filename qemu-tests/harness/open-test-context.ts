import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../tools/core/clock.ts";
import type { Context } from "../../tools/core/context.ts";
import { openLogger } from "../../tools/core/logger.ts";
import { openExec } from "../../tools/core/run-process.ts";

/** A context as the command line makes it, with its own folder, its own abort and everything that it logged. */
export interface TestContext extends AsyncDisposable {
  readonly ctx: Context;
  readonly folder: string;
  readonly abort: AbortController;
  /** All progress so far, in lines. */
  log(): string;
}

/** Opens a context whose progress is kept, and shown too, so that a hanging test says where it hangs. */
export async function openTestContext(): Promise<TestContext> {
  const folder = await mkdtemp(join(tmpdir(), "meta-k3s-test-"));
  const abort = new AbortController();
  const startMs = systemClock.monotonicMs();
  let log = "";
  // Reports and the machine's own files go below the folder: nothing is left, and what runs can be told from other tests' machines.
  const env = { ...process.env, META_K3S_RUNS: join(folder, "runs"), TMPDIR: folder };
  const write = (text: string): void => {
    log += text;
    process.stderr.write(text);
  };
  const ctx: Context = {
    exec: openExec({ cwd: folder, env, signal: abort.signal }),
    clock: systemClock,
    log: openLogger({ stream: { write }, verbose: false, elapsedMs: () => systemClock.monotonicMs() - startMs }),
    signal: abort.signal,
    cwd: folder,
    env,
  };
  return {
    ctx,
    folder,
    abort,
    log: () => log,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
