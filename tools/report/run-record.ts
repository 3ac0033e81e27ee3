import { z } from "zod";

/**
 * The hand-over file of one run (`run.json`): what was booted, what happened when, how it was judged. Reports (HTML, JUnit, JSON) are
 * rendered from it alone. Times `*Ms` are milliseconds since power-on unless said otherwise.
 */
export const runRecordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Command line that led to this run, with nothing secret in it. */
  command: z.string(),
  toolVersion: z.string(),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  /** Wall-clock time of the whole run, milliseconds. */
  durationMs: z.number(),
  host: z.strictObject({ os: z.string(), cpus: z.number(), memoryMib: z.number(), qemuVersion: z.string() }),
  machine: z.strictObject({
    name: z.string(),
    arch: z.string(),
    launcher: z.enum(["qemu", "runqemu"]),
    accelerator: z.enum(["kvm", "tcg"]),
    /** Why this accelerator: the probe's words. */
    acceleratorReason: z.string(),
    cpu: z.string(),
    cpus: z.number(),
    memoryMib: z.number(),
    kernelCommandLine: z.string(),
    image: z.string(),
  }),
  /** What runs in the guest, as far as it could be read. */
  guest: z.strictObject({
    k3sVersion: z.string().nullable(),
    /** True when the stand-in served instead of k3s itself. */
    standIn: z.boolean(),
    kernelVersion: z.string().nullable(),
    osName: z.string().nullable(),
    containerRuntime: z.string().nullable(),
  }),
  /** Points of the boot's timeline. */
  events: z.array(
    z.strictObject({
      atMs: z.number(),
      kind: z.enum([
        "power-on",
        "kernel",
        "userspace",
        "ssh",
        "service",
        "api",
        "node-ready",
        "pod-ready",
        "job-done",
        "ready",
        "problem",
        "end",
      ]),
      subject: z.string(),
      detail: z.string(),
    }),
  ),
  /** What was waited for, and why it was not there yet: spans that the HTML page draws under the timeline. */
  waits: z.array(
    z.strictObject({ fromMs: z.number(), toMs: z.number(), subject: z.string(), reason: z.string(), message: z.string() }),
  ),
  memory: z.array(z.strictObject({ atMs: z.number(), totalMib: z.number(), availableMib: z.number() })),
  /** One entry for each expectation; JUnit makes a test case of each. */
  checks: z.array(
    z.strictObject({
      /** "node guest", "deployment kube-system/coredns". */
      name: z.string(),
      outcome: z.enum(["passed", "failed", "not-judged"]),
      /** When it first held for good. */
      atMs: z.number().nullable(),
      reason: z.string(),
      message: z.string(),
    }),
  ),
  pods: z.array(
    z.strictObject({
      namespace: z.string(),
      name: z.string(),
      phase: z.string(),
      ready: z.boolean(),
      restarts: z.number(),
      node: z.string(),
      images: z.array(z.string()),
      reason: z.string(),
    }),
  ),
  nodes: z.array(
    z.strictObject({ name: z.string(), ready: z.boolean(), version: z.string(), reason: z.string(), message: z.string() }),
  ),
  verdict: z.strictObject({
    outcome: z.enum(["ready", "not-ready", "guest-failed", "environment-failed", "aborted"]),
    atMs: z.number(),
    /** Length of the stability window that was watched, milliseconds. */
    stableForMs: z.number(),
    summary: z.string(),
    /** What failed and what to do, most important first. */
    problems: z.array(z.strictObject({ code: z.string(), subject: z.string(), message: z.string(), hint: z.string().nullable() })),
    exitCode: z.number(),
  }),
  /** Folder of the failure bundle beside this file, when one was gathered. */
  bundle: z.string().nullable(),
});

export type RunRecord = z.infer<typeof runRecordSchema>;
