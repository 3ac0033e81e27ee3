import { appendFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { beforeEach, type TestContext } from "vitest";
import { readHostSummary } from "../../tools/boot-test/read-host-summary.ts";
import { systemClock } from "../../tools/core/clock.ts";
import { formatDuration } from "../../tools/report/format-duration.ts";
import { readK3sIdentity, readSourceDigest } from "./read-source-digest.ts";
import { readResults } from "./read-results.ts";
import { selectResult } from "./select-results.ts";
import type { TestResult } from "./test-result.ts";

/** What is tested, read once: a file that is changed later is not what the tests of this process have loaded. */
let loaded: Promise<string> | undefined;
function readLoaded(): Promise<string> {
  loaded ??= readSourceDigest();
  return loaded;
}

/**
 * For a file or a `describe`: with META_K3S_TEST_RESULTS=FILE each test's result becomes a line of that file, and with META_K3S_CONTINUE=1 a test that
 * passed before, of the very same source and k3s, is not run again but reported as skipped, with when it passed. Called before anything else that is done for
 * each test, so that nothing is begun for one that is skipped, and a test whose tidying up fails has failed. `k3sPath` is the binary that their guests are
 * given, where they are given one: not every test heeds META_K3S_K3S.
 */
export function keepResults(k3sPath?: string): void {
  const path = process.env["META_K3S_TEST_RESULTS"];
  if (path === undefined || path === "") return;
  // Begun now, before images are made; a rejection is every test's, below.
  readLoaded().catch(() => undefined);
  beforeEach(async (context: TestContext) => {
    const source = await readLoaded();
    const subject = { test: context.task.fullName, source, k3s: await readK3sIdentity(k3sPath) };
    const before = selectResult(await readResults(path), subject);
    if (process.env["META_K3S_CONTINUE"] === "1" && before?.outcome === "passed")
      context.skip(`passed in ${formatDuration(before.durationMs)} on ${before.startedAt}, with the same source`);
    const startedMs = systemClock.nowMs();
    // What is registered first runs last: a test's own ends, which may fail it, are behind it.
    context.onTestFinished(async () => {
      const state = context.task.result?.state;
      // Neither: it was interrupted, or skipped itself.
      if (state !== "pass" && state !== "fail") return;
      if ((await readSourceDigest()) !== source) {
        process.stderr.write(`NOT KEPT: files of the project changed while this ran: ${subject.test}\n`);
        return;
      }
      const result: TestResult = {
        ...subject,
        outcome: state === "pass" ? "passed" : "failed",
        startedAt: new Date(startedMs).toISOString(),
        durationMs: Math.round(systemClock.nowMs() - startedMs),
        host: await readHostSummary(),
      };
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      // One write for each line, so that several runs can share the file.
      await appendFile(path, `${JSON.stringify(result)}\n`, { mode: 0o600 });
    });
  });
}
