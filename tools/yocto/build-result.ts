import { z } from "zod";
import { buildChoiceSchema } from "./build-choice.ts";

const count = z.number().int().nonnegative();

const artefactsSchema = z.strictObject({
  /** deploy/images/MACHINE. */
  deployFolder: z.string(),
  /** The file that `boot` and `test` take. */
  qemuboot: z.string(),
  /** Root filesystem images beside it, by the same name. */
  images: z.array(z.strictObject({ path: z.string(), bytes: count })),
  /** Milliseconds since 1970 when the qemuboot.conf was written. */
  writtenAtMs: z.number(),
});

/** The hand-over file of one build (`result.json`): what was asked for, how it went, where what came out is. Paths are absolute. */
export const buildResultSchema = z.strictObject({
  schemaVersion: z.literal(1),
  choice: buildChoiceSchema,
  /** "planned" is a dry run's: every task was planned and none was run. */
  outcome: z.enum(["built", "planned", "failed"]),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  durationMs: z.number(),
  tasks: z.strictObject({ done: count, failed: count, total: count }).nullable(),
  sstate: z.strictObject({ wanted: count, local: count, mirrors: count, missed: count, current: count }).nullable(),
  warnings: count,
  failures: z.array(z.strictObject({ recipe: z.string(), task: z.string(), log: z.string(), cause: z.string().nullable() })),
  artefacts: artefactsSchema.nullable(),
  logs: z.strictObject({ folder: z.string(), output: z.string(), events: z.string() }),
});

export type BuildResult = z.infer<typeof buildResultSchema>;
export type Artefacts = z.infer<typeof artefactsSchema>;
