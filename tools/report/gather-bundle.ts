import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import pMap from "p-map";
import type { GuestShell } from "../cluster/guest-shell.ts";
import type { Context } from "../core/context.ts";
import { AbortedError, GuestError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import { formatBundleIndex } from "./format-bundle-index.ts";
import { formatDuration } from "./format-duration.ts";
import { formatScrubbed } from "./format-scrubbed.ts";
import { bundleQuestions, parseFailingContainers, planPodLogs, type BundleQuestion } from "./plan-bundle.ts";
import type { BundleFile, RunRecord } from "./run-record.ts";

/** One machine of the run, as far as it can still be asked. */
export interface BundleGuest {
  /** The machine's name in the run; with several machines, its files go to a folder of this name. */
  readonly name: string;
  /** undefined when the guest was never reached or is gone. */
  readonly shell: Pick<GuestShell, "run"> | undefined;
  /** Why there is no shell, for the index. */
  readonly shellProblem?: string;
  /** The serial console's capture; undefined when the machine was never started. */
  readonly consolePath: string | undefined;
  readonly qemuArgv: readonly string[];
}

export interface BundleOptions {
  /** The run's folder; the bundle becomes its folder "bundle". */
  readonly folder: string;
  readonly guests: readonly BundleGuest[];
  readonly qemuVersion: string;
  /** What the run itself made up and must not show: tokens, keys. */
  readonly secrets: readonly string[];
  /** For all of it. Each question has a shorter deadline of its own. */
  readonly timeoutMs: number;
}

const folderName = "bundle";
const maxFileBytes = 24 * 1024 * 1024;
// A guest of two emulated processors answers three at once about as fast as one; more only makes all of them late.
const atOnce = 3;

interface Collector {
  readonly ctx: Pick<Context, "clock" | "signal">;
  readonly root: string;
  readonly secrets: readonly string[];
  readonly endMs: number;
  readonly files: BundleFile[];
  /** Resolves when the context is aborted. */
  readonly stopped: Promise<"stopped">;
}

/** Does all, a few at once, and only then throws the first error: nobody is left writing into a folder that is being removed. */
async function forEach<T>(items: readonly T[], concurrency: number, act: (item: T) => Promise<unknown>): Promise<void> {
  try {
    await pMap(items, act, { concurrency: Math.max(1, concurrency), stopOnError: false });
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

async function addFile(
  collector: Collector,
  file: { path: string; answers: string; text: string; problem: string | null },
): Promise<void> {
  const cut = file.text.length > maxFileBytes;
  const text = formatScrubbed(cut ? file.text.slice(-maxFileBytes) : file.text, { secrets: collector.secrets });
  const bytes = Buffer.byteLength(text);
  const problem = file.problem === null && cut ? "only its end: it was too long" : file.problem;
  const scrubbed = problem === null ? null : formatScrubbed(problem, { secrets: collector.secrets }).slice(0, 500);
  collector.files.push({ path: file.path, answers: file.answers, bytes, problem: scrubbed });
  if (bytes === 0) return;
  const path = join(collector.root, file.path);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, text, { mode: 0o600 });
}

async function readTail(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const length = Math.min(size, maxFileBytes);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await file.close();
  }
}

async function addConsole(collector: Collector, prefix: string, consolePath: string | undefined): Promise<void> {
  const file = { path: `${prefix}console.txt`, answers: "What did the serial console print?" };
  if (consolePath === undefined) {
    await addFile(collector, { ...file, text: "", problem: "the machine was never started" });
    return;
  }
  try {
    const text = await readTail(consolePath);
    await addFile(collector, { ...file, text, problem: text === "" ? "the console printed nothing" : null });
  } catch (error) {
    await addFile(collector, {
      ...file,
      text: "",
      problem: `cannot read ${consolePath}: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

function formatStatusProblem(result: {
  status: number | undefined;
  signalName: string | undefined;
  stderr: string;
}): string | null {
  if (result.status === 0) return null;
  const said = result.stderr.trim().split("\n").at(-1) ?? "";
  if (result.status === 127) return said === "" ? "the command is not in the guest" : said;
  const how = result.status === undefined ? `ended by ${result.signalName ?? "the guest"}` : `exit status ${result.status}`;
  return said === "" ? how : `${how}: ${said}`;
}

/** Asks one question. Gives stdout; what is wrong goes into the index. A connection that is gone is remembered in `link`. */
async function askGuest(
  collector: Collector,
  link: { readonly shell: Pick<GuestShell, "run">; lost: string | undefined },
  prefix: string,
  question: BundleQuestion,
): Promise<string> {
  const { ctx } = collector;
  const file = { path: `${prefix}${question.path}`, answers: question.answers };
  const leftMs = collector.endMs - ctx.clock.monotonicMs();
  const before =
    link.lost ??
    (ctx.signal.aborted ? "not asked: stopped on request" : undefined) ??
    (leftMs < 500 ? "not asked: the time for the bundle was over" : undefined);
  if (before !== undefined) {
    await addFile(collector, { ...file, text: "", problem: before });
    return "";
  }
  const timeoutMs = Math.min(question.timeoutMs, leftMs);
  try {
    const answered = link.shell.run(question.command, { timeoutMs });
    const result = await Promise.race([answered, collector.stopped]);
    if (result === "stopped") {
      // Its own deadline ends it; nobody waits for what it then says.
      answered.catch(() => undefined);
      return "";
    }
    const stderr = result.stderr.trim() === "" ? "" : `\n[stderr]\n${result.stderr}`;
    await addFile(collector, { ...file, text: `${result.stdout}${stderr}`, problem: formatStatusProblem(result) });
    return result.stdout;
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    if (error.code === "SSH_LOST") link.lost = "not asked: the connection to the guest was lost";
    // The command is long, and the same words stand before each.
    const problem = error.code === "GUEST_COMMAND_TIMEOUT" ? `no answer within ${formatDuration(timeoutMs)}` : error.message;
    await addFile(collector, { ...file, text: "", problem });
    return "";
  }
}

async function addGuest(collector: Collector, guest: BundleGuest, prefix: string): Promise<void> {
  await addConsole(collector, prefix, guest.consolePath);
  await addFile(collector, {
    path: `${prefix}qemu.txt`,
    answers: "How was QEMU started?",
    text: guest.qemuArgv.length === 0 ? "" : `${guest.qemuArgv.join(" \\\n  ")}\n`,
    problem: guest.qemuArgv.length === 0 ? "QEMU was never started" : null,
  });
  if (guest.shell === undefined) {
    const problem = `not asked: ${guest.shellProblem ?? "the guest could not be reached over SSH"}`;
    for (const { path, answers } of bundleQuestions) collector.files.push({ path: `${prefix}${path}`, answers, bytes: 0, problem });
    return;
  }
  const link = { shell: guest.shell, lost: undefined };
  let pods = "";
  await forEach(bundleQuestions, atOnce, async (question) => {
    const answer = await askGuest(collector, link, prefix, question);
    if (question.path === "nodes-and-pods.json") pods = answer;
  });
  const logs = planPodLogs(parseFailingContainers(pods));
  await forEach(logs, atOnce, (question) => askGuest(collector, link, prefix, question));
}

/**
 * Gathers what explains a failure into the folder "bundle" of the run's folder: each machine's console and QEMU command line, and, where it still answers,
 * its journal, cluster state, pod logs, network and disks. Everything is scrubbed of secrets. The folder appears whole or not at all; a
 * question without an answer is in its index with the reason and fails nothing. Throws AbortedError when the context is aborted, else only node:fs's errors.
 */
export async function gatherBundle(
  ctx: Pick<Context, "clock" | "signal" | "log">,
  options: BundleOptions,
): Promise<NonNullable<RunRecord["bundle"]>> {
  const stopped = Promise.withResolvers<"stopped">();
  const stop = (): void => stopped.resolve("stopped");
  ctx.signal.addEventListener("abort", stop, { once: true });
  const root = join(options.folder, `.${folderName}-${randomBytes(4).toString("hex")}.part`);
  await mkdir(root, { recursive: true, mode: 0o700 });
  try {
    const collector: Collector = {
      ctx,
      root,
      secrets: options.secrets,
      endMs: ctx.clock.monotonicMs() + options.timeoutMs,
      files: [],
      stopped: stopped.promise,
    };
    ctx.log.info("gathering what explains the failure");
    const several = options.guests.length > 1;
    await forEach(options.guests, options.guests.length, (guest) => addGuest(collector, guest, several ? `${guest.name}/` : ""));
    if (ctx.signal.aborted) throw new AbortedError();
    await addFile(collector, {
      path: "host.txt",
      answers: "Which QEMU ran it?",
      text: options.qemuVersion === "" ? "" : `${options.qemuVersion}\n`,
      problem: options.qemuVersion === "" ? "QEMU's version is not known" : null,
    });
    const files = collector.files.sort((a, b) => a.path.localeCompare(b.path, "en"));
    const index = formatBundleIndex(files);
    await writeFileAtomic(join(root, "INDEX.md"), index, { mode: 0o600 });
    const manifest = [
      { path: "INDEX.md", answers: "What is in this folder?", bytes: Buffer.byteLength(index), problem: null },
      ...files,
    ];
    await writeFileAtomic(join(root, "index.json"), `${JSON.stringify({ schemaVersion: 1, files: manifest }, undefined, 2)}\n`, {
      mode: 0o600,
    });
    const target = join(options.folder, folderName);
    await rm(target, { recursive: true, force: true });
    await rename(root, target);
    return { folder: folderName, files: manifest };
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    throw error;
  } finally {
    ctx.signal.removeEventListener("abort", stop);
  }
}
