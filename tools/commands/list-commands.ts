import type { CommandDefinition } from "../cli/command.ts";
import { bootCommand } from "./boot.ts";
import { buildCommand } from "./build.ts";
import { demoCommand } from "./demo.ts";
import { cleanCommand } from "./clean.ts";
import { doctorCommand } from "./doctor.ts";
import { generateCommand } from "./generate.ts";
import { kernelCommand } from "./kernel.ts";
import { kubeconfigCommand } from "./kubeconfig.ts";
import { layerCommand } from "./layer.ts";
import { logsCommand } from "./logs.ts";
import { releasesCommand } from "./releases.ts";
import { runsCommand } from "./runs.ts";
import { setupCommand } from "./setup.ts";
import { testCommand } from "./test.ts";
import { sshCommand } from "./ssh.ts";
import { stopCommand } from "./stop.ts";

/** Every command of ./meta-k3s, in the order of the help text. */
export const commands: readonly CommandDefinition[] = [
  demoCommand,
  testCommand,
  bootCommand,
  doctorCommand,
  setupCommand,
  buildCommand,
  kernelCommand,
  runsCommand,
  sshCommand,
  logsCommand,
  kubeconfigCommand,
  stopCommand,
  cleanCommand,
  layerCommand,
  generateCommand,
  releasesCommand,
];
