import { systemClock } from "../core/clock.ts";
import type { Context, Env } from "../core/context.ts";
import { AbortedError } from "../core/errors.ts";
import { openLogger } from "../core/logger.ts";
import { readToolVersion } from "../core/read-version.ts";
import { openExec } from "../core/run-process.ts";
import type { CommandDefinition } from "./command.ts";
import { formatError } from "./format-error.ts";
import { parseArguments } from "./parse-arguments.ts";

/** The process that a command line runs in; tests hand in their own. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown; columns?: number };
  readonly stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  readonly env: Env;
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/** Runs one command line to its end and gives its exit code. Prints the result or the error; nothing else in the project does. */
export async function runCli(argv: readonly string[], commands: readonly CommandDefinition[], terminal: Terminal): Promise<number> {
  const startMs = systemClock.monotonicMs();
  let json = argv.includes("--json");
  try {
    const columns = terminal.stdout.columns ?? 100;
    const request = await parseArguments(argv, { commands, version: await readToolVersion(), columns });
    if (request.kind === "print") {
      terminal.stdout.write(`${request.text}\n`);
      return 0;
    }
    json = request.json;
    const ctx: Context = {
      exec: openExec({ cwd: terminal.cwd, env: terminal.env, signal: terminal.signal }),
      clock: systemClock,
      log: openLogger({
        stream: terminal.stderr,
        verbose: request.verbose,
        elapsedMs: () => systemClock.monotonicMs() - startMs,
      }),
      signal: terminal.signal,
      cwd: terminal.cwd,
      env: terminal.env,
    };
    const result = await request.command.handler(request.args, ctx);
    const output = json ? JSON.stringify(result.json ?? {}, null, 2) : result.text;
    if (output !== undefined && output !== "") terminal.stdout.write(`${output}\n`);
    return result.exitCode ?? 0;
  } catch (error) {
    const shown = formatError(terminal.signal.aborted ? new AbortedError(undefined, { cause: error }) : error);
    if (json) terminal.stdout.write(`${JSON.stringify(shown.json, null, 2)}\n`);
    terminal.stderr.write(`${shown.text}\n`);
    return shown.exitCode;
  }
}
