import type { BitBakeEvent } from "./parse-bitbake-event.ts";

/** A task that BitBake runs at the moment. */
export interface RunningTask {
  readonly recipe: string;
  readonly task: string;
  /** Seconds since 1970. */
  readonly startedAt: number;
}

export interface FailedTask {
  readonly recipe: string;
  readonly task: string;
  readonly log: string;
}

export interface SstateCounts {
  readonly wanted: number;
  readonly local: number;
  readonly mirrors: number;
  readonly missed: number;
  readonly current: number;
}

/** What is known of a build so far. */
export interface BuildProgress {
  readonly phase: string;
  readonly parse: { readonly done: number; readonly total: number } | undefined;
  readonly setscene: { readonly done: number; readonly total: number } | undefined;
  readonly tasks: { readonly done: number; readonly failed: number; readonly total: number } | undefined;
  /** By process id. */
  readonly running: ReadonlyMap<number, RunningTask>;
  readonly failures: readonly FailedTask[];
  /** Tasks that failed before they began, by "/path/recipe.bb:do_task". */
  readonly failedIds: readonly string[];
  readonly sstate: SstateCounts | undefined;
  readonly warnings: number;
  readonly errors: readonly string[];
}

export const NO_PROGRESS: BuildProgress = {
  phase: "starting BitBake",
  parse: undefined,
  setscene: undefined,
  tasks: undefined,
  running: new Map(),
  failures: [],
  failedIds: [],
  sstate: undefined,
  warnings: 0,
  errors: [],
};

function withRunning(progress: BuildProgress, change: (running: Map<number, RunningTask>) => void): BuildProgress {
  const running = new Map(progress.running);
  change(running);
  return { ...progress, running };
}

/** The state after an event. */
export function planProgress(progress: BuildProgress, event: BitBakeEvent): BuildProgress {
  switch (event.event) {
    case "load":
      return { ...progress, phase: "loading parsed recipes" };
    case "parse":
      return { ...progress, phase: "parsing recipes", parse: { done: event.done, total: event.total } };
    case "parsed":
      return { ...progress, phase: "planning tasks" };
    case "counts":
      return { ...progress, phase: "running tasks", tasks: { done: event.done, failed: event.failed, total: event.total } };
    case "setscene":
      return { ...progress, phase: "taking from sstate", setscene: { done: event.done, total: event.total } };
    case "sstate": {
      const { wanted, local, mirrors, missed, current } = event;
      return { ...progress, sstate: { wanted, local, mirrors, missed, current } };
    }
    case "started":
      return withRunning(progress, (running) => {
        running.set(event.pid, { recipe: event.recipe, task: event.task, startedAt: event.at });
      });
    case "succeeded":
      return withRunning(progress, (running) => {
        running.delete(event.pid);
      });
    case "failed": {
      const { recipe, task, log } = event;
      const next = withRunning(progress, (running) => {
        running.delete(event.pid);
      });
      return { ...next, failures: [...progress.failures, { recipe, task, log }] };
    }
    case "failed-task":
      return { ...progress, failedIds: [...progress.failedIds, event.id] };
    case "message":
      return event.level === "warning"
        ? { ...progress, warnings: progress.warnings + 1 }
        : { ...progress, errors: [...progress.errors, event.text] };
    case "phase":
      return { ...progress, phase: event.name.toLowerCase() };
  }
}
