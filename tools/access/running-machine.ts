import { z } from "zod";

/** A virtual machine that a `boot` or `demo --keep` holds at the moment: the file by which other commands find it. */
export const runningMachineSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** The machine's name: "qemux86-64". */
  name: z.string(),
  /** The process that holds it, and when that process began (field 22 of /proc/PID/stat). */
  owner: z.strictObject({ pid: z.number().int(), startTime: z.string() }),
  ssh: z.strictObject({
    host: z.string(),
    port: z.number().int(),
    user: z.string(),
    privateKeyPath: z.string(),
    /** As known_hosts writes it; null when it was not seen. */
    hostKey: z.string().nullable(),
  }),
  consolePath: z.string(),
  /** Where the API server is reached from this host; null when no port leads there. */
  apiUrl: z.string().nullable(),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
});

export type RunningMachine = z.infer<typeof runningMachineSchema>;
