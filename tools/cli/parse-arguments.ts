import yargs from "yargs";
import type { Argv, Options } from "yargs";
import { UsageError } from "../core/errors.ts";
import type { ArgumentSpec, CommandDefinition } from "./command.ts";

/** What the command line asks for: run a command, or print a text (help, version) and stop. */
export type Request =
  | {
      readonly kind: "run";
      readonly command: CommandDefinition;
      readonly args: Readonly<Record<string, unknown>>;
      readonly json: boolean;
      readonly verbose: boolean;
    }
  | { readonly kind: "print"; readonly text: string };

function toYargs(spec: ArgumentSpec): Options {
  return {
    type: spec.type,
    describe: spec.describe,
    ...(spec.alias === undefined ? {} : { alias: spec.alias }),
    ...(spec.choices === undefined ? {} : { choices: [...spec.choices] }),
    ...(spec.default === undefined ? {} : { default: spec.default }),
    ...(spec.array === true ? { array: true } : {}),
    ...(spec.type === "boolean" ? {} : { requiresArg: true }),
  };
}

function addCommand(parser: Argv, command: CommandDefinition, chosen: (args: Record<string, unknown>) => void): Argv {
  const usage = [
    command.name,
    ...Object.entries(command.positionals).map(([name, spec]) => {
      const inner = spec.array === true ? `${name}..` : name;
      return spec.required === true ? `<${inner}>` : `[${inner}]`;
    }),
  ].join(" ");
  return parser.command(
    usage,
    command.describe,
    (sub) => {
      for (const [name, spec] of Object.entries(command.positionals)) {
        const { requiresArg: _omitted, ...options } = toYargs(spec);
        sub.positional(name, options as Parameters<Argv["positional"]>[1]);
      }
      for (const [name, spec] of Object.entries(command.options)) sub.option(name, toYargs(spec));
      for (const [line, meaning] of command.examples ?? []) sub.example(`$0 ${line}`, meaning);
      if (command.epilogue !== undefined) sub.epilogue(command.epilogue);
      return sub;
    },
    (args) => {
      chosen(args);
    },
  );
}

/**
 * A repeated single-valued option arrives as an array; the last one given counts, as users of shells expect. Throws UsageError for a number
 * that is none, which yargs would hand on as NaN.
 */
function checkValue(name: string, spec: ArgumentSpec, given: unknown, argv: readonly string[]): unknown {
  const value: unknown = Array.isArray(given) && spec.array !== true ? given.at(-1) : given;
  if (typeof value === "number" && Number.isNaN(value)) {
    const written = argv.find((_word, index) => argv[index - 1] === `--${name}`) ?? "";
    throw new UsageError(`--${name} takes a number, not "${written}"`);
  }
  return value;
}

/**
 * Parses a command line. Throws UsageError, with a suggestion where a command was misspelt. Never prints and never exits.
 */
export async function parseArguments(
  argv: readonly string[],
  program: { commands: readonly CommandDefinition[]; version: string; columns: number },
): Promise<Request> {
  const known = program.commands.map((command) => command.name);
  const word = argv.find((given) => !given.startsWith("-"));
  let request: Request | undefined;
  let printed = "";
  let parser: Argv = yargs([])
    .scriptName("./meta-k3s")
    .usage("$0 <command>\n\nKubernetes (k3s) on embedded devices with Yocto: build, boot in QEMU, judge over SSH.")
    .version(program.version)
    .help()
    .alias("help", "h")
    .parserConfiguration({ "camel-case-expansion": false, "parse-numbers": false, "parse-positional-numbers": false })
    .option("json", { type: "boolean", default: false, describe: "print the result as JSON on stdout" })
    .option("verbose", { type: "boolean", default: false, describe: "show details of what is done" })
    .epilogue("Start with: ./meta-k3s demo   (a Kubernetes node in a virtual machine, in minutes)\nExit codes: docs/exit-codes.md")
    .wrap(Math.min(110, program.columns))
    .strict()
    .demandCommand(1, "say which command to run; ./meta-k3s --help lists them")
    .recommendCommands()
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    });
  for (const command of program.commands) {
    parser = addCommand(parser, command, (raw) => {
      const specs = { ...command.positionals, ...command.options };
      const args: Record<string, unknown> = {};
      for (const [name, spec] of Object.entries(specs)) args[name] = checkValue(name, spec, raw[name], argv);
      request = { kind: "run", command, args, json: raw["json"] === true, verbose: raw["verbose"] === true };
    });
  }
  try {
    await parser.parseAsync([...argv], {}, (_error: unknown, _args: unknown, output: string) => {
      printed = output;
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (word !== undefined && !known.includes(word)) {
      const suggestion = message.startsWith("Did you mean") ? ` ${message}` : "";
      throw new UsageError(`there is no command "${word}".${suggestion}`, {
        hint: "./meta-k3s --help lists the commands",
        cause: error,
      });
    }
    if (error instanceof UsageError) throw error;
    throw new UsageError(message, { cause: error });
  }
  if (request !== undefined && printed === "") return request;
  return { kind: "print", text: printed };
}
