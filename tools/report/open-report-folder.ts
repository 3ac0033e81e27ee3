import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { Context } from "../core/context.ts";

/** Where one run's reports go. */
export interface ReportFolder {
  readonly path: string;
}

const runName = /^\d{8}T\d{6}Z-[0-9a-f]{4}-/u;

/** Whether a name is that of a run's folder; by name they sort as they began. */
export function isRunFolder(name: string): boolean {
  return runName.test(name);
}

/**
 * The folder under which every run has its own: META_K3S_RUNS, else $XDG_STATE_HOME/meta-k3s/runs, else ~/.local/state/meta-k3s/runs (XDG Base Directory
 * Specification: history of actions is state). A relative META_K3S_RUNS counts from the working directory.
 */
export function planRunsFolder(ctx: Pick<Context, "cwd" | "env">): string {
  const own = ctx.env["META_K3S_RUNS"];
  if (own !== undefined && own !== "") return resolve(ctx.cwd, own);
  const state = ctx.env["XDG_STATE_HOME"];
  const base = state !== undefined && isAbsolute(state) ? state : join(ctx.env["HOME"] ?? ctx.cwd, ".local", "state");
  return join(base, "meta-k3s", "runs");
}

function formatRunName(startedAtMs: number, name: string): string {
  const time = new Date(startedAtMs).toISOString().replaceAll(/[-:]|\.\d+/gu, "");
  const safe = name.replaceAll(/[^A-Za-z0-9._-]+/gu, "-").slice(0, 60);
  return `${time}-${randomBytes(2).toString("hex")}-${safe}`;
}

/**
 * Makes a run's folder (0700: a console may tell more than others should read) and removes the oldest runs beyond `keep`. Only folders named as this names
 * them are ever removed. `latest` is pointed at it by writeReport, when there is something to see. Errors are those of node:fs.
 */
export async function openReportFolder(
  ctx: Pick<Context, "cwd" | "env" | "clock">,
  options: { name: string; keep?: number },
): Promise<ReportFolder> {
  const runs = planRunsFolder(ctx);
  await mkdir(runs, { recursive: true });
  const path = join(runs, formatRunName(ctx.clock.nowMs(), options.name));
  await mkdir(path, { mode: 0o700 });
  const names = (await readdir(runs)).filter(isRunFolder).sort();
  for (const old of names.slice(0, Math.max(0, names.length - (options.keep ?? 20)))) {
    await rm(join(runs, old), { recursive: true, force: true });
  }
  return { path };
}
