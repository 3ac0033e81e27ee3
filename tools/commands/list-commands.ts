import type { CommandDefinition } from "../cli/command.ts";
import { buildCommand } from "./build.ts";
import { doctorCommand } from "./doctor.ts";
import { generateCommand } from "./generate.ts";
import { kernelCommand } from "./kernel.ts";
import { releasesCommand } from "./releases.ts";
import { setupCommand } from "./setup.ts";

/** Every command of ./meta-k3s, in the order of the help text. */
export const commands: readonly CommandDefinition[] = [
  doctorCommand,
  kernelCommand,
  setupCommand,
  buildCommand,
  generateCommand,
  releasesCommand,
];
