import type { Context } from "../core/context.ts";
import { AbortedError, GuestError } from "../core/errors.ts";
import { EXIT } from "../core/exit-codes.ts";
import type { ConsoleEvent, MachineExit } from "../machine/machine.ts";
import type { RunRecord } from "../report/run-record.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import type { Expectations, Problem } from "./expectation.ts";
import { formatBlocker, formatNodes, formatPods, formatWaiting } from "./format-outcome.ts";
import type { GuestShell } from "./guest-shell.ts";
import { type ClusterRules, DEFAULT_RULES, judgeNow, judgeObservation, type Judgement, NOTHING_SEEN } from "./judge-cluster.ts";
import { judgeConsoleEvent, judgeMachineExit } from "./judge-console.ts";
import { openClusterFeed } from "./open-cluster-feed.ts";
import { openConfirmation } from "./open-confirmation.ts";
import { openGuestWatch } from "./open-guest-watch.ts";
import { openWaitRecorder } from "./open-wait-recorder.ts";
import { KUBECONFIG_PATH } from "./parse-kubeconfig.ts";

/** Deadlines from the start of the wait on, milliseconds: until the API server answers, until every node is Ready, until all is. */
export interface StageDeadlines {
  readonly apiMs: number;
  readonly nodesMs: number;
  readonly workloadsMs: number;
}

export interface ClusterWaitOptions {
  readonly shell: GuestShell;
  /** The machine's name, for the timeline. */
  readonly machineName: string;
  readonly expectations: Expectations;
  /** Wall-clock time of power-on, milliseconds since 1970: all times of the outcome count from there. */
  readonly poweredOnAtMs: number;
  /** Until the cluster is Ready, stability window included. */
  readonly timeoutMs: number;
  /** Earlier ends for the earlier stages; default half of the time for the API server and two thirds for the nodes. */
  readonly deadlines?: Partial<StageDeadlines>;
  readonly rules?: Partial<Omit<ClusterRules, "expectations">>;
  /** As `Machine.onConsoleEvent`; what cannot recover ends the wait. */
  readonly onConsoleEvent?: (listener: (event: ConsoleEvent) => void) => () => void;
  /** As `Machine.exited`. */
  readonly exited?: Promise<MachineExit>;
  /** Default KUBECONFIG_PATH. */
  readonly kubeconfigPath?: string;
  /** The guest's kubectl that confirms the verdict; default "kubectl". */
  readonly kubectl?: string;
  /** Without any activity for so long the guest counts as stuck rather than slow; default 60 s. */
  readonly quietMs?: number;
}

/** How the wait ended, in the run record's shapes. Times are milliseconds since power-on. */
export interface ClusterOutcome {
  readonly outcome: "ready" | "not-ready" | "guest-failed";
  readonly exitCode: number;
  readonly atMs: number;
  /** When the judge saw everything hold; undefined unless Ready. A benchmark compares it with the guest's own record. */
  readonly heldSinceMs: number | undefined;
  readonly stableForMs: number;
  readonly summary: string;
  readonly problems: readonly Problem[];
  readonly events: RunRecord["events"];
  readonly waits: RunRecord["waits"];
  readonly memory: RunRecord["memory"];
  readonly checks: RunRecord["checks"];
  readonly pods: RunRecord["pods"];
  readonly nodes: RunRecord["nodes"];
  readonly snapshot: ClusterSnapshot | undefined;
}

const LONGEST_SLEEP_MS = 1000;
/** A machine that dies takes its SSH connection along; its own account of why is worth waiting for. */
const EXIT_GRACE_MS = 3000;
/** A unit's last words are worth a moment when the verdict is already clear. */
const LAST_WORDS_MS = 15_000;

const END_MS = 3000;

type Stage = "api" | "nodes" | "workloads";
const STAGE_NAMES: Readonly<Record<Stage, string>> = {
  api: "the API server",
  nodes: "the nodes to be Ready",
  workloads: "the workloads to be Ready",
};

function stageOf(judgement: Judgement): Stage {
  if (judgement.snapshot === undefined || judgement.blockers.some((blocker) => blocker.kind === "api")) return "api";
  return judgement.blockers.some((blocker) => /^nodes?\b/.test(blocker.subject)) ? "nodes" : "workloads";
}

/**
 * Waits until the cluster is Ready: every node and every expected workload by condition, undisturbed for the stability window, seen live
 * over the API server's watches and confirmed inside the window by one list of the guest's own kubectl. Says through `ctx.log` what it waits
 * for and why. Ends at once, as `guest-failed`, on what cannot recover; on a deadline as `not-ready` with what was seen last. Only an abort
 * throws (AbortedError).
 */
export async function waitForCluster(ctx: Context, options: ClusterWaitOptions): Promise<ClusterOutcome> {
  const { shell, expectations } = options;
  const rules: ClusterRules = { ...DEFAULT_RULES, ...options.rules, expectations };
  const kubeconfigPath = options.kubeconfigPath ?? KUBECONFIG_PATH;
  const quietMs = options.quietMs ?? 60_000;
  const originMs = ctx.clock.monotonicMs() - (ctx.clock.nowMs() - options.poweredOnAtMs);
  const now = (): number => ctx.clock.monotonicMs() - originMs;
  const startMs = now();
  const deadlines: StageDeadlines = {
    apiMs: options.timeoutMs / 2,
    nodesMs: (options.timeoutMs * 2) / 3,
    workloadsMs: options.timeoutMs,
    ...options.deadlines,
  };

  const recorder = openWaitRecorder(expectations, startMs);
  const final: Problem[] = [];
  let judgement = NOTHING_SEEN;
  let apiSeen = false;
  let wake = Promise.withResolvers<void>();
  const poke = (): void => wake.resolve();
  const fail = (problems: readonly Problem[]): void => {
    for (const problem of problems) {
      if (final.some((other) => other.code === problem.code && other.subject === problem.subject)) continue;
      final.push(problem);
    }
    if (problems.length > 0) poke();
  };

  const stop = new AbortController();
  const confirmation = openConfirmation(ctx, {
    shell,
    expectations,
    kubectl: options.kubectl ?? "kubectl",
    kubeconfigPath,
    signal: stop.signal,
    onSettled: poke,
  });
  const running: Promise<unknown>[] = [];

  const unlisten = options.onConsoleEvent?.((event) => {
    if (event.kind === "kernel-started") {
      recorder.addEvent({ atMs: event.atMs, kind: "kernel", subject: options.machineName, detail: event.line });
    } else if (event.kind === "userspace-started") {
      recorder.addEvent({ atMs: event.atMs, kind: "userspace", subject: options.machineName, detail: event.line });
    } else if (event.kind !== "login-prompt") {
      recorder.addEvent({
        atMs: event.atMs,
        kind: "problem",
        subject: options.machineName,
        detail: `${event.kind}: ${event.line}`,
      });
    }
    if (event.kind !== "cpu-stall") recorder.addActivity({ atMs: now(), what: `console: ${event.kind}` });
    const problem = judgeConsoleEvent(event);
    if (problem !== undefined) fail([problem]);
  });
  const followExit = async (exited: Promise<MachineExit>): Promise<void> => {
    const exit = await exited;
    if (!stop.signal.aborted) fail([judgeMachineExit(exit)]);
  };
  if (options.exited !== undefined) void followExit(options.exited);

  const guest = openGuestWatch(ctx, {
    shell,
    machine: options.machineName,
    now,
    onProblems: fail,
    onMemory: (sample) => recorder.addMemory(sample),
    onWork: (what) => recorder.addActivity({ atMs: now(), what }),
    onServiceActive: (unit) =>
      recorder.addEvent({ atMs: now(), kind: "service", subject: options.machineName, detail: `${unit} is active` }),
  });

  const feed = openClusterFeed(ctx, {
    shell,
    kubeconfigPath,
    onAccess: (access) => guest.noteCertificates(access.validity),
    onUpdate: (update) => {
      const atMs = now();
      judgement = judgeObservation(
        judgement,
        {
          atMs,
          snapshot: update.snapshot,
          boot: guest.readBoot(),
          ...(update.problem === undefined ? {} : { problem: update.problem }),
        },
        expectations,
      );
      if (update.snapshot !== undefined && !apiSeen) {
        apiSeen = true;
        recorder.addEvent({ atMs, kind: "api", subject: options.machineName, detail: "the API server lists every kind" });
        ctx.log.info("the API server answers");
      }
      for (const line of recorder.addJudgement(judgement, atMs)) ctx.log.info(line);
      poke();
    },
  });
  running.push(
    feed.broken.catch(async (error: unknown) => {
      // When the machine itself has ended, that is the reason; the lost connection is only its shadow.
      const exit = options.exited ?? new Promise<never>(() => undefined);
      await Promise.race([exit, ctx.clock.sleep(EXIT_GRACE_MS, stop.signal).catch(() => undefined)]);
      if (final.length > 0) return;
      const { code, hint } = error instanceof GuestError ? error : { code: "SSH_LOST", hint: undefined };
      fail([{ code, subject: "ssh", message: error instanceof Error ? error.message : String(error), hint: hint ?? null }]);
    }),
  );

  const finish = (
    end: Pick<ClusterOutcome, "outcome" | "exitCode" | "summary" | "problems"> & Partial<Pick<ClusterOutcome, "heldSinceMs">>,
  ): ClusterOutcome => {
    const atMs = now();
    const stableForMs = end.heldSinceMs === undefined ? 0 : atMs - end.heldSinceMs;
    for (const problem of end.problems) {
      recorder.addEvent({ atMs, kind: "problem", subject: problem.subject, detail: problem.message });
    }
    if (end.outcome === "ready" && end.heldSinceMs !== undefined) {
      recorder.addEvent({ atMs: end.heldSinceMs, kind: "ready", subject: options.machineName, detail: end.summary });
    }
    return {
      heldSinceMs: undefined,
      ...end,
      atMs,
      stableForMs,
      events: [...recorder.events].sort((a, b) => a.atMs - b.atMs),
      waits: [...recorder.readWaits(atMs)],
      memory: recorder.memory,
      checks: recorder.readChecks(),
      pods: formatPods(judgement.snapshot),
      nodes: formatNodes(judgement.snapshot),
      snapshot: judgement.snapshot,
    };
  };

  const failed = async (problems: readonly Problem[]): Promise<ClusterOutcome> => {
    const explained = await guest.explain(problems, LAST_WORDS_MS);
    return finish({ outcome: "guest-failed", exitCode: EXIT.guest, summary: explained[0]?.message ?? "", problems: explained });
  };

  const tooLate = (stage: Stage, waitedMs: number): ClusterOutcome => {
    const atMs = now();
    const unseen = judgement.snapshot === undefined ? "nothing was seen of the cluster yet" : confirmation.readReason();
    const seen = judgement.blockers.map(formatBlocker).join("; ") || unseen;
    const progress = recorder.readProgress(atMs, quietMs);
    const oddities = guest.readOddities();
    const extra = oddities.length === 0 ? "" : `; ${oddities.join("; ")}`;
    const message = `gave up waiting for ${STAGE_NAMES[stage]} after ${Math.round(waitedMs / 1000)} s: ${seen} (${progress.message}${extra})`;
    const hint = progress.moving
      ? "it was still moving: give it more time (--timeout), more CPUs or KVM"
      : "it is stuck rather than slow: look at the failure bundle's journal and events";
    const problem: Problem = { code: "TIMEOUT", subject: judgement.blockers[0]?.subject ?? "cluster", message, hint };
    return finish({ outcome: "not-ready", exitCode: EXIT.timeout, summary: message, problems: [problem] });
  };

  const lookOnce = (): ClusterOutcome | Promise<ClusterOutcome> | undefined => {
    if (final.length > 0) return failed(final);
    const atMs = now();
    const verdict = judgeNow(judgement, atMs, rules);
    if (verdict.outcome === "failed") return failed(verdict.problems);
    if (verdict.outcome === "ready" && confirmation.isOf(verdict.sinceMs)) {
      const pods = judgement.snapshot?.pods.length ?? 0;
      const summary = `${expectations.nodeCount} of ${expectations.nodeCount} nodes and ${expectations.workloads.length} expected workloads Ready (${pods} pods)`;
      return finish({ outcome: "ready", exitCode: EXIT.ok, summary, problems: [], heldSinceMs: verdict.sinceMs });
    }
    if (verdict.outcome === "waiting") {
      const waiting = verdict.blockers.length === 0 ? "looking at the guest" : formatWaiting(verdict.blockers);
      const progress = recorder.readProgress(atMs, quietMs);
      ctx.log.progress(progress.moving ? waiting : `${waiting} (${progress.message.replace(/\d+ s$/, "a while")})`);
    } else {
      const again = verdict.outcome === "stabilising" && verdict.disturbance !== undefined;
      const why = again ? ` again: ${verdict.disturbance.subject}: ${verdict.disturbance.message}` : "";
      ctx.log.progress(`all Ready; watching it for ${rules.stabilityMs / 1000} s${why}`);
      confirmation.ask(verdict.sinceMs);
    }
    const stage = stageOf(judgement);
    const waitedMs = atMs - startMs;
    return waitedMs >= (apiSeen && stage === "api" ? deadlines.workloadsMs : deadlines[`${stage}Ms`])
      ? tooLate(stage, waitedMs)
      : undefined;
  };

  try {
    for (;;) {
      if (ctx.signal.aborted) throw new AbortedError();
      const outcome = await lookOnce();
      if (outcome !== undefined) return outcome;
      const heldMs = judgement.holdsSinceMs;
      const windowMs = heldMs === undefined ? Infinity : Math.ceil(heldMs + rules.stabilityMs - now());
      const sleeping = new AbortController();
      const sleep = ctx.clock.sleep(
        windowMs > 0 ? Math.min(LONGEST_SLEEP_MS, windowMs) : LONGEST_SLEEP_MS,
        AbortSignal.any([ctx.signal, sleeping.signal]),
      );
      await Promise.race([wake.promise, sleep.catch(() => undefined)]);
      sleeping.abort();
      wake = Promise.withResolvers<void>();
    }
  } finally {
    stop.abort();
    unlisten?.();
    const ending = Promise.all([feed[Symbol.asyncDispose](), guest[Symbol.asyncDispose](), ...running]).catch(() => undefined);
    const patience = new AbortController();
    // What a guest that hangs never answers ends with the shell.
    await Promise.race([ending, ctx.clock.sleep(END_MS, patience.signal).catch(() => undefined)]);
    patience.abort();
  }
}
