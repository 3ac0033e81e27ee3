import { readFile } from "node:fs/promises";
import type { ReportTemplates } from "./report-templates.ts";

function readTemplate(name: string): Promise<string> {
  return readFile(new URL(`templates/${name}.hbs`, import.meta.url), "utf8");
}

/** Reads the page's templates from beside this file. Errors are those of node:fs: a checkout without them is broken. */
export async function readReportTemplates(): Promise<ReportTemplates> {
  const [page, style, chart, table, longText] = await Promise.all(
    ["page", "style", "chart", "table", "long-text"].map(readTemplate),
  );
  return {
    page: page ?? "",
    partials: { style: style ?? "", chart: chart ?? "", table: table ?? "", "long-text": longText ?? "" },
  };
}
