import { CommandError, ConfigError, GuestError, PreflightError, ToolError } from "../core/errors.ts";
import { EXIT } from "../core/exit-codes.ts";

/** An error as the user sees it: what failed, the details that help, what to do next; and the exit code that goes with it. */
export interface FormattedError {
  readonly text: string;
  readonly json: unknown;
  readonly exitCode: number;
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

function detailsOf(error: ToolError): string[] {
  if (error instanceof ConfigError) return error.problems.map((problem) => indent(problem));
  if (error instanceof PreflightError) {
    return error.checks.map((check) =>
      indent(`${check.name}: ${check.found}${check.repair === undefined ? "" : `\n  repair: ${check.repair}`}`),
    );
  }
  if (error instanceof CommandError) {
    return [indent(`command: ${error.argv.join(" ")}`), ...(error.outputTail === "" ? [] : [indent(error.outputTail)])];
  }
  if (error instanceof GuestError && error.consoleTail !== "") return ["last lines of the console:", indent(error.consoleTail)];
  return [];
}

/** Formats any thrown value. What is not a ToolError is a bug of meta-k3s and is shown with its stack. */
export function formatError(error: unknown): FormattedError {
  if (error instanceof ToolError) {
    const lines = [`error: ${error.message}`, ...detailsOf(error)];
    if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
    return {
      text: lines.join("\n"),
      json: { error: { code: error.code, message: error.message, hint: error.hint ?? null } },
      exitCode: error.exitCode,
    };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    text: `bug: meta-k3s failed in a way it should not\n${indent(stack)}\nhint: please report this with the command line that led to it (CONTRIBUTING.md)`,
    json: { error: { code: "BUG", message: stack, hint: null } },
    exitCode: EXIT.bug,
  };
}
