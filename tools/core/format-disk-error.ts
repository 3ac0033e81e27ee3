import { PreflightError } from "./errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EACCES: "it may not be written to",
  EPERM: "it may not be written to",
  EROFS: "it is on a read-only file system",
  EIO: "the disk has a fault",
};

/** An error of node:fs that is the host's fault, as one that says so; undefined for every other. `what` names what was being written. */
export function formatDiskError(error: unknown, what: string, consequence: string): PreflightError | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const reason = REASONS[String(error.code)];
  if (reason === undefined) return undefined;
  const path = "path" in error && typeof error.path === "string" ? error.path : undefined;
  return new PreflightError(`${what}${path === undefined ? "" : ` (${path})`}: ${reason}; ${consequence}`, {
    cause: error,
    hint: "make room or change the permission, and run the command again",
  });
}
