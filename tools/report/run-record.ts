import { z } from "zod";

/** Milliseconds since power-on of the first machine of the run. */
const atMs = z.number().nonnegative();

/** One machine of the run. A run of one machine has one of these; a scenario such as "join" several. */
const machineSchema = z.strictObject({
  /** Short and unique in the run: "qemux86-64", "server", "agent-1". `events` and `memory` refer to it. */
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
  /** What runs in the guest, as far as it could be read. */
  guest: z.strictObject({
    k3sVersion: z.string().nullable(),
    /** True when the stand-in served instead of k3s itself. */
    standIn: z.boolean(),
    kernelVersion: z.string().nullable(),
    osName: z.string().nullable(),
    containerRuntime: z.string().nullable(),
  }),
});

const bundleFileSchema = z.strictObject({
  /** Relative to the bundle's folder. */
  path: z.string(),
  /** The question that this file answers: "What did k3s log?" */
  answers: z.string(),
  bytes: z.number(),
  /** Why the file is missing or incomplete; null when it is whole. */
  problem: z.string().nullable(),
});

/**
 * The hand-over file of one run (`run.json`): what was booted, what happened when, how it was judged. Reports (HTML, JUnit, text) are
 * rendered from it alone. Times `*Ms` are milliseconds since power-on of the first machine unless said otherwise.
 */
export const runRecordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Whether one machine was judged Ready or not, or a scenario's checks held or not. Records of older versions do not say: they are boots. */
  kind: z.enum(["boot", "scenario"]).default("boot"),
  /** What was run, in a word or two: the machine ("qemux86-64") or the scenario ("join"). Title of the report, name of the JUnit suite. */
  name: z.string(),
  /** Command line that led to this run, with nothing secret in it. */
  command: z.string(),
  toolVersion: z.string(),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  /** Wall-clock time of the whole run, milliseconds. */
  durationMs: z.number(),
  host: z.strictObject({ os: z.string(), cpus: z.number(), memoryMib: z.number(), qemuVersion: z.string() }),
  /** Empty when the run ended before any machine was powered on. */
  machines: z.array(machineSchema),
  /** Points of the boot's timeline. */
  events: z.array(
    z.strictObject({
      atMs,
      /** "service" is systemd calling k3s or k3s-agent active; "api" the API server's /readyz; "end" the machine's end, whatever the reason. */
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
      /**
       * Whose event: a machine's name (power-on … service, end), "node NAME", "pod NAMESPACE/NAME", "job NAMESPACE/NAME", or, for "ready",
       * the run's name. A wait with the same subject shares its row in the timeline.
       */
      subject: z.string(),
      detail: z.string(),
    }),
  ),
  /** What was waited for, and why it was not there yet: spans that the HTML page draws under the timeline. */
  waits: z.array(
    z.strictObject({
      fromMs: atMs,
      toMs: atMs,
      /** In the words of `checks[].name` or `events[].subject` where there is one, else a word such as "ssh" or "api". */
      subject: z.string(),
      /** One word where Kubernetes has one: "ContainerCreating", "KubeletNotReady", "ConnectionRefused". */
      reason: z.string(),
      message: z.string(),
    }),
  ),
  memory: z.array(z.strictObject({ machine: z.string(), atMs, totalMib: z.number(), availableMib: z.number() })),
  /** One entry for each expectation; JUnit makes a test case of each. */
  checks: z.array(
    z.strictObject({
      /** "node guest", "deployment kube-system/coredns". */
      name: z.string(),
      outcome: z.enum(["passed", "failed", "not-judged"]),
      /** When it first held for good. */
      atMs: atMs.nullable(),
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
    /** When the verdict's state was reached: for "ready" the moment from which everything held, before the stability window. */
    atMs,
    /** Length of the stability window that was watched, milliseconds. */
    stableForMs: z.number(),
    /** One sentence. */
    summary: z.string(),
    /** What failed and what to do, most important first. */
    problems: z.array(z.strictObject({ code: z.string(), subject: z.string(), message: z.string(), hint: z.string().nullable() })),
    exitCode: z.number(),
  }),
  /** The failure bundle, when one was gathered: a folder beside this file, and what is in it. */
  bundle: z.strictObject({ folder: z.string(), files: z.array(bundleFileSchema) }).nullable(),
});

export type RunRecord = z.infer<typeof runRecordSchema>;
export type BundleFile = z.infer<typeof bundleFileSchema>;
