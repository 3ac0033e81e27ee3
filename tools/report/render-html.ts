import Handlebars from "handlebars";
import { planPage } from "./plan-page.ts";
import type { ReportTemplates } from "./report-templates.ts";
import type { RunRecord } from "./run-record.ts";

/**
 * The report of a run as one HTML page that needs nothing else: no network, no script, no font. Every text of the record is escaped; the page's own policy
 * (Content-Security-Policy) forbids scripts and requests besides.
 */
export function renderHtml(record: RunRecord, templates: ReportTemplates): string {
  const handlebars = Handlebars.create();
  const options = { strict: true, noEscape: false, knownHelpersOnly: true };
  for (const [name, source] of Object.entries(templates.partials)) handlebars.registerPartial(name, source);
  return handlebars.compile(templates.page, options)(planPage(record));
}
