import { cp, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { planRunsFolder } from "../../tools/report/open-report-folder.ts";
import { readRunNames } from "../../tools/report/read-run-names.ts";
import type { TestContext } from "./open-test-context.ts";

/**
 * Copies the reports of a test's runs to `folder`, where nothing is removed: the test's own go with it. Without a folder nothing is kept. Throws errors of
 * node:fs.
 */
export async function keepRuns(test: Pick<TestContext, "ctx">, folder: string | undefined): Promise<void> {
  if (folder === undefined || folder === "") return;
  const runs = planRunsFolder(test.ctx);
  const to = resolve(folder);
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of await readRunNames(runs)) await cp(join(runs, name), join(to, name), { recursive: true });
}
