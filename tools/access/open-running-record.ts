import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context, Env } from "../core/context.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import type { Machine } from "../machine/machine.ts";
import { runFolderBase } from "../machine/open-run-folder.ts";
import { runningMachineSchema } from "./running-machine.ts";
import type { RunningMachine } from "./running-machine.ts";

function recordFolder(env: Env): string {
  return join(runFolderBase(env).path, "running");
}

async function readStartTime(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

/**
 * Makes a running machine known to `ssh`, `logs`, `kubeconfig` and `stop` of the same user (0600: it names the run's private key). Forgotten when disposed;
 * the record of a process that was killed counts for nothing.
 */
export async function openRunningRecord(
  ctx: Pick<Context, "env" | "clock">,
  options: { machine: Machine; hostKey?: string | undefined; apiUrl?: string | undefined },
): Promise<AsyncDisposable> {
  const { machine } = options;
  const { host, port, user, privateKeyPath } = machine.ssh;
  const record: RunningMachine = {
    schemaVersion: 1,
    name: machine.spec.name,
    owner: { pid: process.pid, startTime: (await readStartTime(process.pid)) ?? "" },
    ssh: { host, port, user, privateKeyPath, hostKey: options.hostKey ?? machine.ssh.hostKey ?? null },
    consolePath: machine.consolePath,
    apiUrl: options.apiUrl ?? null,
    startedAt: new Date(ctx.clock.nowMs()).toISOString(),
  };
  const folder = recordFolder(ctx.env);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${machine.spec.name}-${machine.pid}.json`);
  await writeFileAtomic(path, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function readRecord(path: string): Promise<RunningMachine | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const record = runningMachineSchema.safeParse(JSON.parse(text)).data;
  if (record !== undefined && (await readStartTime(record.owner.pid)) === record.owner.startTime) return record;
  await rm(path, { force: true });
  return undefined;
}

/** The machines of this user that run at the moment, the one started last first. */
export async function readRunningMachines(ctx: Pick<Context, "env">): Promise<readonly RunningMachine[]> {
  const folder = recordFolder(ctx.env);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json"));
  const records = await Promise.all(names.map((name) => readRecord(join(folder, name))));
  return records.filter((record) => record !== undefined).sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}
