import { styleText } from "node:util";

/** Progress for people, on stderr. Results go to stdout and are never written through this. */
export interface Logger {
  /** One line of progress. */
  info(message: string): void;
  /** Something the user should know but need not act on now. */
  warn(message: string): void;
  /** Detail, shown with --verbose only. */
  debug(message: string): void;
  /**
   * A line that replaces itself on a terminal (a wait, a download). Off a terminal each distinct text is printed once, so logs stay short.
   */
  progress(message: string): void;
}

export interface LoggerOptions {
  readonly stream: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  readonly verbose: boolean;
  /** Milliseconds since the start of the command; shown in front of each line. */
  readonly elapsedMs: () => number;
}

/** A logger that writes to a stream, with the seconds since the command began in front of every line. */
export function openLogger({ stream, verbose, elapsedMs }: LoggerOptions): Logger {
  const tty = stream.isTTY === true;
  let lastProgress = "";
  let progressShown = false;

  const stamp = (): string => `${(elapsedMs() / 1000).toFixed(1).padStart(6)}s `;
  const paint = (format: "dim" | "yellow", text: string): string =>
    tty ? styleText(format, text, { validateStream: false }) : text;
  const clearProgress = (): void => {
    if (progressShown) stream.write("\r\u001b[K");
    progressShown = false;
  };
  const line = (text: string): void => {
    clearProgress();
    stream.write(`${paint("dim", stamp())}${text}\n`);
  };

  return {
    info: line,
    warn: (message) => line(paint("yellow", `warning: ${message}`)),
    debug: (message) => {
      if (verbose) line(paint("dim", message));
    },
    progress: (message) => {
      if (message === lastProgress && !tty) return;
      lastProgress = message;
      if (!tty) {
        line(message);
        return;
      }
      const width = (stream.columns ?? 80) - 1;
      stream.write(`\r\u001b[K${(stamp() + message).slice(0, width)}`);
      progressShown = true;
    },
  };
}
