import type { Clock } from "../core/clock.ts";
import type { ConsoleEvent } from "./machine.ts";
import { openSocket } from "./open-socket.ts";
import { formatConsoleTail, parseConsoleLine, parseConsoleLines } from "./parse-console.ts";

/** The serial console as it comes. QEMU itself writes the file (chardev logfile=), so nothing is lost when this tool is slow or gone. */
export interface ConsoleListener extends AsyncDisposable {
  onEvent(listener: (event: ConsoleEvent) => void): () => void;
  /** The guest was reset: what its kernel and userspace say next is another boot. */
  noteReset(): void;
  /** The last lines, for people. */
  tail(): string;
  /** Resolves when QEMU has closed it and all of it was read, or was never connected and the listener is disposed. */
  readonly closed: Promise<void>;
}

const KEPT_CHARACTERS = 32_768;

/** Listens on a Unix socket for the serial console. `powerOnMs` gives the monotonic time of power-on, which `atMs` counts from. */
export async function openConsole(options: { path: string; clock: Clock; powerOnMs: () => number }): Promise<ConsoleListener> {
  const socketListener = await openSocket(options.path);
  const seen: ConsoleEvent[] = [];
  const listeners = new Set<(event: ConsoleEvent) => void>();
  let kept = "";
  let rest = "";
  let restReported = false;
  let phase: ConsoleEvent["kind"] | undefined;

  function report(line: string): boolean {
    const finding = parseConsoleLine(line);
    if (finding === undefined) return false;
    // Kernel and userspace announce themselves in more than one way; each counts once per boot.
    if (finding.kind === phase) return true;
    if (finding.kind === "kernel-started" || finding.kind === "userspace-started") phase = finding.kind;
    const event: ConsoleEvent = { ...finding, atMs: Math.max(0, options.clock.monotonicMs() - options.powerOnMs()) };
    seen.push(event);
    for (const listener of listeners) listener(event);
    return true;
  }

  function take(chunk: string): void {
    kept = (kept + chunk).slice(-KEPT_CHARACTERS);
    const parsed = parseConsoleLines(rest + chunk);
    for (const [index, line] of parsed.lines.entries()) {
      if (!(index === 0 && restReported)) report(line);
      if (index === 0) restReported = false;
    }
    rest = parsed.rest;
    // A login prompt has no end of line; it must not be reported again when one comes.
    if (!restReported && /login:\s*$/u.test(rest)) restReported = report(rest);
  }

  const closed = socketListener.connected.then(
    (socket) =>
      new Promise<void>((resolve) => {
        socket.setEncoding("utf8");
        socket.on("data", take);
        socket.once("close", () => resolve());
      }),
  );

  return {
    onEvent(listener) {
      for (const event of seen) listener(event);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    noteReset: () => {
      phase = undefined;
    },
    tail: () => formatConsoleTail(kept),
    closed,
    [Symbol.asyncDispose]: () => socketListener[Symbol.asyncDispose](),
  };
}
