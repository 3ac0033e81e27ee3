import { join } from "node:path";
import { SCENARIOS } from "../../qemu-tests/scenarios/list-scenarios.ts";
import { buildTestbed } from "../../qemu-tests/testbed/build-testbed.ts";
import type { Arguments, CommandResult } from "../cli/command.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { runPreflight } from "../host/run-doctor.ts";
import { renderText } from "../report/render-text.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import { readImage } from "../yocto/read-image.ts";

/** Options of `test --scenario`. */
export const scenarioArguments = {
  scenario: {
    type: "string",
    choices: SCENARIOS.map((scenario) => scenario.name),
    describe: "run this scenario, on the testbed unless an image is named",
  },
  plant: { type: "string", valueName: "FAULT", describe: "with --scenario: plant this fault, which has to make it fail" },
  k3s: { type: "string", valueName: "FILE", describe: "with --scenario: the testbed runs this k3s binary instead of the stand-in" },
} as const;

interface ScenarioCommandArguments extends Arguments<typeof scenarioArguments> {
  readonly image: string | undefined;
  readonly dir: string | undefined;
  readonly junit: string | undefined;
}

/** Runs the scenario that was asked for. Throws UsageError for a fault that it does not know. */
export async function runScenarioCommand(ctx: Context, args: ScenarioCommandArguments): Promise<CommandResult> {
  const scenario = SCENARIOS.find((candidate) => candidate.name === args.scenario);
  if (scenario === undefined) throw new UsageError(`no scenario is called "${args.scenario}"`);
  const defect = scenario.defects.find((candidate) => candidate.name === args.plant);
  if (args.plant !== undefined && defect === undefined) {
    const known = scenario.defects.map(({ name, about }) => `${name} (${about})`).join(", ");
    throw new UsageError(`"${args.plant}" cannot be planted in ${scenario.name}`, { hint: `it knows: ${known}` });
  }
  let qemubootPath: string;
  if (args.image === undefined) {
    await runPreflight(ctx, { purposes: ["demo"], install: true });
    qemubootPath = (await buildTestbed(ctx, { arch: "x86_64", k3s: args.k3s, features: scenario.needs })).qemubootPath;
  } else {
    if (args.k3s !== undefined) throw new UsageError("--k3s is for the testbed; an image brings its own k3s");
    qemubootPath = (await readImage(ctx, args.image, args.dir)).qemubootPath;
  }
  const { record, runFolder } = await runScenario(ctx, scenario, {
    qemubootPath,
    command: ["test --scenario", scenario.name, ...(defect === undefined ? [] : ["--plant", defect.name])].join(" "),
    defect,
    junitPath: args.junit,
  });
  return {
    text: renderText(record, { reportPath: join(runFolder, "index.html") }),
    json: { runFolder, ...record },
    exitCode: record.verdict.exitCode,
  };
}
