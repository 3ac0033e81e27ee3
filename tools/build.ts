import { openTerminal } from "./cli/open-terminal.ts";
import { runCli } from "./cli/run-cli.ts";
import { commands } from "./commands/list-commands.ts";

process.exitCode = await runCli(process.argv.slice(2), commands, openTerminal());
