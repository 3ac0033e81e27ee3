import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { GuestShell } from "./guest-shell.ts";
import { type GuestHealth, parseGuestHealth, renderHealthLoop } from "./parse-guest-health.ts";

/** The units whose failure is k3s's failure. */
export const K3S_UNITS: readonly string[] = ["k3s.service", "k3s-agent.service"];

/** Samples as they come, one every two seconds, from one shell loop in the guest. Disposing it ends the loop. */
export interface HealthFeed extends AsyncDisposable {
  /** Resolves when the loop has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

/** Starts sampling the guest's memory, disks, clock and units. Throws GuestError SSH_LOST. */
export async function readGuestHealth(
  shell: Pick<GuestShell, "stream">,
  options: { intervalSeconds: number; onSample: (sample: GuestHealth) => void },
): Promise<HealthFeed> {
  const stream = await shell.stream(renderHealthLoop({ intervalSeconds: options.intervalSeconds, units: K3S_UNITS }));
  const read = async (): Promise<void> => {
    let lines: string[] = [];
    for await (const line of createInterface({ input: Readable.from(stream.stdout) })) {
      if (line === "@sample") lines = [];
      else if (line === "@end") {
        const sample = parseGuestHealth(lines);
        if (sample !== undefined) options.onSample(sample);
      } else lines.push(line);
    }
  };
  // A lost connection is told by the shell itself; here it is only the end of the samples.
  const ended = read().catch(() => undefined);
  return {
    ended,
    [Symbol.asyncDispose]: async () => {
      await stream[Symbol.asyncDispose]();
      await ended;
    },
  };
}

/** The kernel's last lines about processes it killed for want of memory. */
export async function readOomLines(shell: Pick<GuestShell, "run">): Promise<readonly string[]> {
  const result = await shell.run("dmesg 2>/dev/null | grep -i 'out of memory' | tail -n 5", { timeoutMs: 15_000 });
  return result.stdout.split("\n").filter((line) => line !== "");
}

/** The last lines a unit logged: from the journal, or where there is none from syslog's file. */
export async function readUnitLog(shell: Pick<GuestShell, "run">, unit: string): Promise<string> {
  const name = `'${unit.replaceAll("'", "")}'`;
  const command = `journalctl -u ${name} -b -n 12 -o cat --no-pager 2>/dev/null || grep -h k3s /var/log/messages 2>/dev/null | tail -n 12`;
  return (await shell.run(command, { timeoutMs: 30_000 })).stdout.trim();
}
