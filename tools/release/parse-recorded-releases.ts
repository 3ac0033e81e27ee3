import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import { parseK3sVersion } from "./parse-k3s-version.ts";

const version = z.string().refine((text) => parseK3sVersion(text) !== undefined, "is not a version of k3s");
const goVersion = z.string().regex(/^\d+\.\d+(\.\d+)?$/, "is not a Go version");
const commit = z.string().regex(/^[0-9a-f]{40}$/, "is not a whole git commit");

/** Parts of a release that go.mod does not name. */
export const PART_NAMES = ["cni-plugins", "flannel-plugin", "helm-job", "runc"] as const;

const part = z.strictObject({ version: z.string(), commit: commit.optional() });

const release = z.strictObject({
  go: goVersion,
  commit: commit.optional(),
  parts: z.partialRecord(z.enum(PART_NAMES), part).default({}),
  charts: z.array(z.string()).default([]),
  sha256: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/, "is not a sha256 sum")).default({}),
});

const recordedReleases = z.strictObject({
  schemaVersion: z.literal(1),
  series: z.array(z.strictObject({ name: z.string(), yocto: z.string(), go: goVersion })),
  channels: z.record(z.string(), version),
  releases: z.record(version, release),
});

/** What is recorded of one release; every part of it may be missing but the go line. */
export type RecordedRelease = z.infer<typeof release>;
export type RecordedReleases = z.infer<typeof recordedReleases>;

/** Parses recorded-releases.yaml. Throws ConfigError with every problem. */
export function parseRecordedReleases(text: string): RecordedReleases {
  // Go versions such as 1.30 must not become the number 1.3.
  const parsed = recordedReleases.safeParse(withNumbers(parseYaml(text, { schema: "failsafe" })));
  if (parsed.success) return parsed.data;
  throw new ConfigError("recorded-releases.yaml is wrong", {
    problems: parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`),
  });
}

/** The failsafe schema reads every scalar as text, which is right for all but the schema's own version. */
function withNumbers(raw: unknown): unknown {
  return typeof raw === "object" && raw !== null && "schemaVersion" in raw
    ? { ...raw, schemaVersion: Number(raw.schemaVersion) }
    : raw;
}
