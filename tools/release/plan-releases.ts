import { compareGoVersions } from "../gomod/parse-go-version.ts";
import { compareK3sVersions, requireK3sVersion } from "./parse-k3s-version.ts";
import type { RecordedReleases } from "./parse-recorded-releases.ts";

type Series = RecordedReleases["series"][number];

/** A release, as far as it is known, and who can build it. */
export interface ReleaseRow {
  readonly version: string;
  /** Go line of its go.mod; undefined where nobody has read it. */
  readonly go: string | undefined;
  /** Channels that point to it. */
  readonly channels: readonly string[];
  /** Yocto series whose Go is new enough, oldest first; undefined where the go line is not known. */
  readonly series: readonly string[] | undefined;
  /** Whether checksums of its binaries are recorded. */
  readonly sums: boolean;
}

export interface ReleaseTable {
  readonly rows: readonly ReleaseRow[];
  /** The newest release that each series can build from source. */
  readonly newestBySeries: readonly {
    readonly name: string;
    readonly yocto: string;
    readonly go: string;
    readonly newest: string | undefined;
  }[];
}

export interface ReleaseFacts {
  readonly series: readonly Series[];
  /** Channel → version. */
  readonly channels: Readonly<Record<string, string>>;
  readonly releases: readonly { readonly version: string; readonly go: string | undefined; readonly sums: boolean }[];
}

/** Orders releases newest first and says which Yocto series has a Go that is new enough for each. */
export function planReleases(facts: ReleaseFacts): ReleaseTable {
  const rows = facts.releases
    .toSorted((a, b) => compareK3sVersions(requireK3sVersion(b.version), requireK3sVersion(a.version)))
    .map(({ version, go, sums }) => ({
      version,
      go,
      sums,
      channels: Object.keys(facts.channels).filter((channel) => facts.channels[channel] === version),
      series:
        go === undefined ? undefined : facts.series.filter((one) => compareGoVersions(one.go, go) >= 0).map((one) => one.name),
    }));
  const newestBySeries = facts.series.map(({ name, yocto, go }) => ({
    name,
    yocto,
    go,
    newest: rows.find((row) => row.series?.includes(name) === true && requireK3sVersion(row.version).candidate === undefined)
      ?.version,
  }));
  return { rows, newestBySeries };
}

function pad(cells: readonly (readonly string[])[]): string {
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The table as text for people. */
export function formatReleases(table: ReleaseTable): string {
  const releases = [
    ["release", "go", "channels", "Yocto series that can build it", "checksums"],
    ...table.rows.map((row) => [
      row.version,
      row.go ?? "?",
      row.channels.join(" "),
      row.series === undefined
        ? "? (its go line is not recorded)"
        : row.series.length === 0
          ? "none: its Go is newer than any"
          : row.series.join(" "),
      row.sums ? "recorded" : "",
    ]),
  ];
  const series = [
    ["series", "Yocto", "Go", "newest k3s from source"],
    ...table.newestBySeries.map(({ name, yocto, go, newest }) => [name, yocto, go, newest ?? "none that is recorded"]),
  ];
  return `${pad(releases)}\n\n${pad(series)}`;
}
