import type { Context } from "../core/context.ts";
import type { RunRecord } from "../report/run-record.ts";
import type { Problem } from "./expectation.ts";
import type { GuestShell } from "./guest-shell.ts";
import { type GuestBoot, noteBoot } from "./judge-boot.ts";
import {
  type CertificateValidity,
  type GuestFacts,
  judgeGuest,
  judgeGuestOddities,
  judgeWork,
  SAMPLES_KEPT_MS,
} from "./judge-guest.ts";
import type { GuestHealth } from "./parse-guest-health.ts";
import { type HealthFeed, readGuestHealth, readOomLines, readUnitLog } from "./read-guest-health.ts";

const SAMPLE_SECONDS = 2;

export interface GuestWatchOptions {
  readonly shell: GuestShell;
  readonly machine: string;
  /** Milliseconds since power-on. */
  readonly now: () => number;
  readonly onProblems: (problems: readonly Problem[]) => void;
  readonly onMemory: (sample: RunRecord["memory"][number]) => void;
  readonly onWork: (what: string) => void;
  readonly onServiceActive: (unit: string) => void;
}

/** Samples the guest's own state and judges it. Disposing it ends the sampling. */
export interface GuestWatch extends AsyncDisposable {
  noteCertificates(validity: CertificateValidity): void;
  readOddities(): readonly string[];
  /** The guest's last start; undefined before the first sample. */
  readBoot(): GuestBoot | undefined;
  /** Adds the last journal lines to problems of units; gives up after `timeoutMs`. */
  explain(problems: readonly Problem[], timeoutMs: number): Promise<readonly Problem[]>;
}

/** Starts sampling. A lost connection only ends the samples: the shell's other users tell of it. */
export function openGuestWatch(ctx: Pick<Context, "clock" | "signal">, options: GuestWatchOptions): GuestWatch {
  const { shell } = options;
  const samples: GuestHealth[] = [];
  const active = new Set<string>();
  const unitLogs = new Map<string, string>();
  let firstSample: GuestHealth | undefined;
  let boot: GuestBoot | undefined;
  let oomLines: readonly string[] = [];
  let oomKillsAsked = 0;
  let certificates: CertificateValidity | undefined;
  let hostClockMs = ctx.clock.nowMs();
  let ended = false;
  const asking = new Set<Promise<unknown>>();

  const facts = (): GuestFacts => ({ samples, firstSample, oomLines, unitLogs, certificates, hostClockMs });
  const judge = (): void => {
    if (!ended) options.onProblems(judgeGuest(facts()));
  };
  const ask = (work: Promise<unknown>): void => {
    const quiet = work.catch(() => undefined).finally(() => asking.delete(quiet));
    asking.add(quiet);
  };

  const learnOom = async (): Promise<void> => {
    oomLines = await readOomLines(shell);
    judge();
  };

  const onSample = (sample: GuestHealth): void => {
    const before = samples.at(-1);
    firstSample ??= sample;
    boot = noteBoot(boot, sample);
    hostClockMs = ctx.clock.nowMs();
    samples.push(sample);
    while (samples.length > 2 && sample.uptimeMs - (samples[0]?.uptimeMs ?? 0) > SAMPLES_KEPT_MS) samples.shift();
    options.onMemory({
      machine: options.machine,
      atMs: options.now(),
      totalMib: sample.memoryTotalMib,
      availableMib: sample.memoryAvailableMib,
    });
    const work = before === undefined ? undefined : judgeWork(before, sample);
    if (work !== undefined) options.onWork(work);
    for (const unit of sample.units) {
      if (unit.active !== "active" || active.has(unit.name)) continue;
      active.add(unit.name);
      options.onServiceActive(unit.name);
    }
    // The counter is cheap, the kernel log is not: it is read only when the counter moved.
    if ((sample.oomKills ?? 0) > oomKillsAsked) {
      oomKillsAsked = sample.oomKills ?? 0;
      ask(learnOom());
    }
    judge();
  };

  // A connection that is already lost gives no samples; whoever needs the shell will say so.
  const started: Promise<HealthFeed | undefined> = readGuestHealth(shell, { intervalSeconds: SAMPLE_SECONDS, onSample }).catch(
    () => undefined,
  );

  async function explain(problems: readonly Problem[], timeoutMs: number): Promise<readonly Problem[]> {
    const units = problems.filter((problem) => problem.code.startsWith("UNIT_")).map((problem) => problem.subject);
    if (units.length === 0) return problems;
    const timer = new AbortController();
    const read = Promise.all(units.map(async (unit) => void unitLogs.set(unit, await readUnitLog(shell, unit))));
    const late = ctx.clock.sleep(timeoutMs, AbortSignal.any([ctx.signal, timer.signal]));
    // Without its last words the problem is still the problem.
    await Promise.race([read, late]).catch(() => undefined);
    timer.abort();
    const judged = judgeGuest(facts());
    return problems.map(
      (problem) => judged.find((other) => other.code === problem.code && other.subject === problem.subject) ?? problem,
    );
  }

  return {
    noteCertificates(validity) {
      certificates = validity;
      judge();
    },
    readBoot: () => boot,
    readOddities: () => judgeGuestOddities(facts()),
    explain,
    [Symbol.asyncDispose]: async () => {
      ended = true;
      await (await started)?.[Symbol.asyncDispose]();
      await Promise.all(asking);
    },
  };
}
