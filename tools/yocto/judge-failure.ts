import { KNOWN_FAILURES } from "./known-failures.ts";
import type { KnownFailure } from "./known-failures.ts";

/** Why a task failed, as far as its log tells. */
export interface FailureExplanation {
  /** The log's lines that matter, in order, as many as a screen holds. */
  readonly lines: readonly string[];
  readonly known: KnownFailure | undefined;
}

const MOST_LINES = 20;
const TELLING = /\berror\b|\bfatal\b|failed|cannot|No such file|undefined reference|not found|Exception/iu;
/** BitBake's own frame around a task's output: it repeats in every failure and says nothing of the cause. */
const FRAME =
  /^DEBUG:|^WARNING: exit code|ExecutionError\(|^ERROR: (?:Task|Logfile)|^(?:NOTE: )?recipe .*: task|^ERROR: Execution of|^WARNING: .*run\.do_/u;

/**
 * Explains a failed task from its log: the lines around what went wrong, and the known cause, where one is. The first error counts, since
 * those after it mostly follow from it.
 */
export function judgeFailure(log: string): FailureExplanation {
  const lines = log
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
  const known = KNOWN_FAILURES.find((failure) => lines.some((line) => failure.pattern.test(line)));
  const content = lines.filter((line) => !FRAME.test(line));
  const first = content.findIndex((line) => (known === undefined ? TELLING.test(line) : known.pattern.test(line)));
  if (first < 0) return { lines: content.slice(-MOST_LINES), known };
  const start = Math.max(0, first - 3);
  return { lines: content.slice(start, start + MOST_LINES), known };
}

/** A failure as text: task, log, what matters in it, cause and cure. */
export function formatFailure(task: { recipe: string; task: string; log: string }, explanation: FailureExplanation): string {
  const { known, lines } = explanation;
  return [
    `${task.recipe} ${task.task} failed${known === undefined ? "" : `: ${known.cause}`}`,
    ...lines.map((line) => `    ${line}`),
    ...(known === undefined ? [] : [`  cure: ${known.cure}`]),
    `  log: ${task.log === "" ? "none was written" : task.log}`,
  ].join("\n");
}
