import { isDeepStrictEqual } from "node:util";
import type { ConsoleEvent, Machine } from "../machine/machine.ts";
import type { RunRecord } from "../report/run-record.ts";

/** A console's event, whose time counts from its machine's own power-on, on the lab's timeline. Wall-clock times are milliseconds since 1970. */
export function planLabEvent(
  event: ConsoleEvent,
  options: { machine: Pick<Machine, "poweredOnAtMs">; labPoweredOnAtMs: number },
): ConsoleEvent {
  return { ...event, atMs: event.atMs + options.machine.poweredOnAtMs - options.labPoweredOnAtMs };
}

/** What is not in the timeline yet: a machine's console tells each wait again what it has said since power-on. */
export function selectNewEvents(seen: RunRecord["events"], known: RunRecord["events"]): RunRecord["events"] {
  return seen.filter((event) => !known.some((other) => isDeepStrictEqual(event, other)));
}
