/** How one step of `layer check` went. */
export interface LayerCheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly durationMs: number;
  /** Why it failed, or a figure worth telling. */
  readonly detail: string;
  readonly log: string;
}

/** The results as lines, with the failures' reasons, and one closing line. */
export function formatLayerCheck(results: readonly LayerCheckResult[]): string {
  const lines = results.flatMap((result) => [
    `${result.passed ? "ok  " : "FAIL"}  ${result.name} (${Math.round(result.durationMs / 1000)} s)${result.detail === "" ? "" : `: ${result.detail}`}`,
    ...(result.passed ? [] : [`      log: ${result.log}`]),
  ]);
  const failed = results.filter((result) => !result.passed).length;
  return [
    ...lines,
    "",
    failed === 0 ? `All ${results.length} checks of the layer passed.` : `${failed} of ${results.length} checks failed.`,
  ].join("\n");
}
