import type { CommandDefinition } from "../cli/command.ts";
import { bootCommand } from "./boot.ts";
import { buildCommand } from "./build.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { generateCommand } from "./generate.ts";
import { kernelCommand } from "./kernel.ts";
import { releasesCommand } from "./releases.ts";
import { setupCommand } from "./setup.ts";
import { testCommand } from "./test.ts";

/** Every command of ./meta-k3s, in the order of the help text. */
export const commands: readonly CommandDefinition[] = [
  demoCommand,
  testCommand,
  bootCommand,
  doctorCommand,
  setupCommand,
  buildCommand,
  kernelCommand,
  generateCommand,
  releasesCommand,
];
