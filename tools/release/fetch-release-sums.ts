import type { Context } from "../core/context.ts";
import { DownloadError, IntegrityError } from "../core/errors.ts";
import { fetchText } from "./fetch-text.ts";
import { parseSumFile } from "./parse-sum-file.ts";

/** k3s names its files by these. */
const ARCHITECTURES = ["amd64", "arm64", "arm"] as const;

export interface ReleaseSumsOptions {
  /** Web address of the repository: https://github.com/k3s-io/k3s. */
  readonly repositoryUrl: string;
  readonly version: string;
  /** Sums that are known already; what is fetched must agree with them. */
  readonly recorded: Readonly<Record<string, string>>;
  readonly offline: boolean;
}

/**
 * The sha256 sums of a k3s release's binaries and airgap archives: from its sha256sum-<arch>.txt files where they can be reached, else those
 * recorded, with a warning that says which are missing. Throws IntegrityError when a release's own sum is not the recorded one.
 */
export async function fetchReleaseSums(ctx: Context, options: ReleaseSumsOptions): Promise<Readonly<Record<string, string>>> {
  if (options.offline) return options.recorded;
  const found: Record<string, string> = { ...options.recorded };
  const failures: string[] = [];
  for (const architecture of ARCHITECTURES) {
    const url = `${options.repositoryUrl}/releases/download/${encodeURIComponent(options.version)}/sha256sum-${architecture}.txt`;
    try {
      const sums = parseSumFile(await fetchText(ctx, url), url);
      for (const [file, sum] of Object.entries(sums)) checkSame(file, sum, options.recorded[file]);
      Object.assign(found, sums);
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      failures.push(error.message);
      // The other files are at the same place.
      break;
    }
  }
  if (failures.length > 0) {
    const known = Object.keys(found).length === 0 ? "none is recorded" : `recorded are ${Object.keys(found).toSorted().join(", ")}`;
    ctx.log.warn(`the release's checksums cannot be read (${failures.join("; ")}); ${known}`);
  }
  return found;
}

function checkSame(file: string, found: string, recorded: string | undefined): void {
  if (recorded === undefined || recorded === found) return;
  throw new IntegrityError(`${file}: the release's own checksum file says ${found}, recorded is ${recorded}`, {
    hint: "a release's files do not change: find out which of the two is right before anything is built",
  });
}
