import type { BuildProgress } from "./plan-progress.ts";

/** Warnings and errors that name a file of the layer, or the layer itself: those of others are not this layer's to mend. */
export function selectOwnMessages(output: string, layerFolder: string): readonly string[] {
  return output
    .split("\n")
    .filter((line) => /^(?:WARNING|ERROR): /u.test(line))
    .filter((line) => line.includes(layerFolder) || /\bmeta-k3s\b|\bk3s\b/u.test(line));
}

/** Judges a run of BitBake: its status, what it said of this layer, how many tasks it planned. */
export function judgeBitBakeRun(options: {
  status: number | undefined;
  output: string;
  layerFolder: string;
  progress: BuildProgress;
  /** The words of a refusal with which the layer is right. */
  mayRefuse?: RegExp | undefined;
}): {
  passed: boolean;
  detail: string;
} {
  const { status, output, progress } = options;
  const refusal = status === 0 ? null : (options.mayRefuse?.exec(output) ?? null);
  if (refusal !== null) return { passed: true, detail: `refused, as it should be: ${refusal[1] ?? refusal[0]}` };
  const own = selectOwnMessages(output, options.layerFolder);
  const [message] = own;
  if (status !== 0) {
    const reason =
      message ?? progress.errors[0] ?? output.split("\n").find((line) => line.startsWith("ERROR: ")) ?? `exit status ${status}`;
    return { passed: false, detail: reason.slice(0, 300) };
  }
  if (message !== undefined) return { passed: false, detail: `${own.length} messages about this layer: ${message.slice(0, 300)}` };
  return { passed: true, detail: progress.tasks === undefined ? "" : `${progress.tasks.total} tasks planned` };
}

/** The tests that yocto-check-layer's summary says have failed, each once; its lines are "INFO: FAIL: test_x (case)". */
export function selectFailedTests(output: string): readonly string[] {
  const found = [...output.matchAll(/^(?:INFO|ERROR): (?:FAIL|ERROR): (test_\w+)/gmu)].map(([, name]) => name ?? "");
  return [...new Set(found)];
}
