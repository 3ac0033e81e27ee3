import { hash } from "node:crypto";
import type { Context } from "../core/context.ts";
import { DownloadError, IntegrityError } from "../core/errors.ts";
import { fetchBytes } from "./fetch-text.ts";

/** Where k3s's own build takes its Helm charts from (scripts/download, CHARTS_URL). */
export const CHARTS_URL = "https://k3s.io/k3s-charts/assets";

export interface ChartSumsOptions {
  /** "<chart>/<chart>-<version>.tgz". */
  readonly charts: readonly string[];
  /** Known sums by file name; what is fetched must agree with them. */
  readonly recorded: Readonly<Record<string, string>>;
  readonly offline: boolean;
  /** CHARTS_URL by default; tests have their own. */
  readonly baseUrl?: string | undefined;
}

/**
 * sha256 sums of Helm charts by file name: recorded ones, and those of the charts as they are served now, for nobody publishes sums of them. A chart
 * that cannot be fetched is left out, with a warning. Throws IntegrityError when a chart is not what was recorded.
 */
export async function fetchChartSums(ctx: Context, options: ChartSumsOptions): Promise<Readonly<Record<string, string>>> {
  const sums: Record<string, string> = {};
  for (const chart of options.charts) {
    const file = chart.slice(chart.lastIndexOf("/") + 1);
    const recorded = options.recorded[file];
    if (recorded !== undefined) sums[file] = recorded;
    if (options.offline) continue;
    const url = `${options.baseUrl ?? CHARTS_URL}/${chart
      .split("/")
      .map((part) => encodeURIComponent(part))
      .join("/")}`;
    try {
      const found = hash("sha256", await fetchBytes(ctx, url));
      if (recorded !== undefined && found !== recorded) {
        throw new IntegrityError(`${url} has the sha256 sum ${found}, recorded is ${recorded}`, {
          hint: "a chart's version does not change: find out which of the two is right",
        });
      }
      sums[file] = found;
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      ctx.log.warn(
        `the chart ${file} cannot be fetched (${error.message})${recorded === undefined ? ", and its checksum is not recorded: it is left out" : ""}`,
      );
      // The other charts are at the same place.
      if (recorded === undefined) break;
    }
  }
  return sums;
}
