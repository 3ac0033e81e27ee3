/** The sources of the page's templates, by name (tools/report/templates/*.hbs). */
export interface ReportTemplates {
  readonly page: string;
  readonly partials: Readonly<Record<"style" | "chart" | "table" | "long-text", string>>;
}
