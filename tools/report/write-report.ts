import { randomBytes } from "node:crypto";
import { rename, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeFileAtomic } from "../core/write-file.ts";
import { readReportTemplates } from "./read-templates.ts";
import { renderHtml } from "./render-html.ts";
import { renderJunit } from "./render-junit.ts";
import { runRecordSchema, type RunRecord } from "./run-record.ts";

export interface WrittenReport {
  readonly htmlPath: string;
  readonly junitPath: string;
  readonly jsonPath: string;
}

/** Points `latest` beside the run's folder at it; a symlink is replaced whole only by rename. */
async function linkLatest(folder: string): Promise<void> {
  const partial = join(dirname(folder), `.latest-${randomBytes(4).toString("hex")}`);
  await symlink(basename(folder), partial);
  await rename(partial, join(dirname(folder), "latest"));
}

/**
 * Writes run.json, index.html and junit.xml into a run's folder, each whole or not at all, and points `latest` beside the folder at it. The record is
 * checked against its own schema first, so that what was written can be read again. Errors: zod's for a record that is not one (a bug), those of node:fs.
 */
export async function writeReport(record: RunRecord, options: { folder: string }): Promise<WrittenReport> {
  const checked = runRecordSchema.parse(record);
  const paths = {
    htmlPath: join(options.folder, "index.html"),
    junitPath: join(options.folder, "junit.xml"),
    jsonPath: join(options.folder, "run.json"),
  };
  const html = renderHtml(checked, await readReportTemplates());
  await writeFileAtomic(paths.jsonPath, `${JSON.stringify(checked, undefined, 2)}\n`);
  await writeFileAtomic(paths.junitPath, renderJunit(checked));
  await writeFileAtomic(paths.htmlPath, html);
  await linkLatest(options.folder);
  return paths;
}
