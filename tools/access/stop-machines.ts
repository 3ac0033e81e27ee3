import type { Context } from "../core/context.ts";
import { waitFor } from "../core/wait-for.ts";
import { readRunningMachines } from "./open-running-record.ts";
import type { RunningMachine } from "./running-machine.ts";

/** Time for a tool to power its machine off and write its report. */
const STOP_TIMEOUT_MS = 60_000;

/**
 * Stops the machines of that name that run here (all without one), by asking the process that holds each: it powers the machine off as at Ctrl-C.
 * Gives what was stopped. Throws WaitTimeoutError when one does not go.
 */
export async function stopMachines(ctx: Context, name: string | undefined): Promise<readonly RunningMachine[]> {
  const wanted = (await readRunningMachines(ctx)).filter((record) => name === undefined || record.name === name);
  for (const record of wanted) process.kill(record.owner.pid, "SIGTERM");
  const pids = new Set(wanted.map((record) => record.owner.pid));
  await waitFor(
    ctx,
    {
      condition: "the machines to stop",
      timeoutMs: STOP_TIMEOUT_MS,
      intervalMs: 200,
      hint: "its own terminal says what holds it up",
    },
    async () => {
      const left = (await readRunningMachines(ctx)).filter((record) => pids.has(record.owner.pid));
      if (left.length === 0) return { done: true, value: undefined };
      return { done: false, seen: `still running: ${left.map((record) => record.name).join(", ")}` };
    },
  );
  return wanted;
}
