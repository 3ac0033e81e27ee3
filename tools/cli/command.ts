import type { Context } from "../core/context.ts";

/** One option or positional of a command, as data. */
export interface ArgumentSpec {
  readonly type: "string" | "boolean" | "number";
  readonly describe: string;
  readonly alias?: string;
  readonly choices?: readonly string[];
  readonly default?: string | boolean | number;
  readonly array?: boolean;
  /** For positionals: must be given. */
  readonly required?: boolean;
  /** Name of the value in the help text. */
  readonly valueName?: string;
}

type Scalar<S extends ArgumentSpec> = S["type"] extends "string" ? string : S["type"] extends "boolean" ? boolean : number;
type Present<S extends ArgumentSpec> = S extends { array: true } ? readonly Scalar<S>[] : Scalar<S>;
type Value<S extends ArgumentSpec> = S extends { default: string | boolean | number } | { required: true }
  ? Present<S>
  : Present<S> | undefined;

/** The parsed arguments of a command; keys are as written in the specification ("k3s-version", not camel case). */
export type Arguments<A extends Readonly<Record<string, ArgumentSpec>>> = { readonly [K in keyof A]: Value<A[K]> };

/** What a command hands back; the command line prints it: `text` for people, `json` with --json, both on stdout. */
export interface CommandResult {
  readonly text?: string;
  readonly json?: unknown;
  /** Defaults to 0. Failures that are not a result are thrown as ToolError instead. */
  readonly exitCode?: number;
}

type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;

interface CommandShape {
  readonly name: string;
  /** One line for the list of commands. */
  readonly describe: string;
  /** Paragraphs shown at the end of the command's own help. */
  readonly epilogue?: string;
  readonly examples?: readonly (readonly [command: string, meaning: string])[];
}

/** A command: data plus a handler that returns data. */
export interface CommandDefinition extends CommandShape {
  readonly positionals: ArgumentSpecs;
  readonly options: ArgumentSpecs;
  readonly handler: (args: Readonly<Record<string, unknown>>, ctx: Context) => Promise<CommandResult>;
}

/** Gives a command's handler the types that its specification implies. */
export function defineCommand<const P extends ArgumentSpecs, const O extends ArgumentSpecs>(
  definition: CommandShape & {
    readonly positionals?: P;
    readonly options?: O;
    readonly handler: (args: Arguments<P> & Arguments<O>, ctx: Context) => Promise<CommandResult>;
  },
): CommandDefinition {
  return {
    ...definition,
    positionals: definition.positionals ?? {},
    options: definition.options ?? {},
    // The command line builds exactly the arguments that the specification describes (tools/cli/parse-arguments.ts).
    handler: definition.handler as CommandDefinition["handler"],
  };
}
