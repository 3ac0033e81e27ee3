import { z } from "zod";

const count = z.number().int().nonnegative();
const taskShape = {
  recipe: z.string(),
  /** "do_compile". */
  task: z.string(),
  pid: z.number().int(),
  /** Path of the task's log, empty where it has none. */
  log: z.string(),
  /** Seconds since 1970. */
  at: z.number(),
};

/** One line of tools/yocto/follow-bitbake-events.py. */
const eventSchema = z.discriminatedUnion("event", [
  /** The cache of recipes that were parsed earlier is being read. */
  z.object({ event: z.literal("load") }),
  z.object({ event: z.literal("parse"), done: count, total: count }),
  z.object({ event: z.literal("parsed"), cached: count, parsed: count, errors: count }),
  z.object({ event: z.literal("counts"), done: count, failed: count, active: count, total: count }),
  z.object({ event: z.literal("setscene"), done: count, total: count }),
  z.object({ event: z.literal("sstate"), wanted: count, local: count, mirrors: count, missed: count, current: count }),
  z.object({ event: z.literal("started"), ...taskShape }),
  z.object({ event: z.literal("succeeded"), ...taskShape }),
  z.object({ event: z.literal("failed"), ...taskShape }),
  /** `id`: "/path/recipe.bb:do_task". It is told of every failure; "failed" only where the task had begun. */
  z.object({ event: z.literal("failed-task"), id: z.string(), exitCode: z.number().int() }),
  z.object({ event: z.literal("message"), level: z.enum(["warning", "error"]), text: z.string(), pid: z.number().int() }),
  z.object({ event: z.literal("phase"), name: z.string() }),
]);

export type BitBakeEvent = z.infer<typeof eventSchema>;

/** Parses one line; undefined for what is not an event, which a display does without. */
export function parseBitBakeEvent(line: string): BitBakeEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return eventSchema.safeParse(JSON.parse(line)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
