import { join } from "node:path";
import { SCENARIOS } from "../../qemu-tests/scenarios/list-scenarios.ts";
import { defineCommand } from "../cli/command.ts";
import { runBootTest } from "../boot-test/run-boot-test.ts";
import { UsageError } from "../core/errors.ts";
import { renderText } from "../report/render-text.ts";
import { readImage } from "../yocto/read-image.ts";
import {
  bootArguments,
  imageArguments,
  imagePositional,
  judgeArguments,
  toJudgeOptions,
  toImageOptions,
} from "./boot-arguments.ts";
import { runScenarioCommand, scenarioArguments } from "./scenario-arguments.ts";

export const testCommand = defineCommand({
  name: "test",
  describe: "Boot an image in QEMU and judge over SSH: every node and every kube-system pod Ready",
  positionals: {
    image: { ...imagePositional, required: false },
  },
  options: { ...bootArguments, ...imageArguments, ...judgeArguments, ...scenarioArguments },
  examples: [
    ["test qemux86-64", "boot and judge what ./meta-k3s build made"],
    ["test IMAGE.qemuboot.conf --junit out.xml --json", "for a CI job"],
    ["test --scenario offline", "a whole scenario, on the testbed"],
    ["test --scenario offline --plant image-missing", "see it fail for a planted fault"],
  ],
  epilogue: [
    "The image is never changed. Exit codes: 0 Ready, 2 wrong input, 3 the host lacks something, 5 not Ready in time, 6 the guest failed.",
    "",
    "Scenarios, their minutes under emulation, and the faults that can be planted (docs/scenarios.md):",
    ...SCENARIOS.map(
      ({ name, minutes, defects }) =>
        `  ${name.padEnd(28)}${String(minutes).padStart(3)}  ${defects.map((defect) => defect.name).join(", ")}`,
    ),
  ].join("\n"),
  handler: async (args, ctx) => {
    if (args.scenario !== undefined) return runScenarioCommand(ctx, args);
    if (args.image === undefined) {
      throw new UsageError("what is to be tested? Neither an image nor a scenario is named", {
        hint: "write ./meta-k3s test qemux86-64, ./meta-k3s test IMAGE.qemuboot.conf or ./meta-k3s test --scenario offline",
      });
    }
    const { record, runFolder } = await runBootTest(ctx, {
      ...toImageOptions(args, await readImage(ctx, args.image, args.dir)),
      command: `test ${args.image}`,
      ...toJudgeOptions(args),
    });
    return {
      text: renderText(record, { reportPath: join(runFolder, "index.html") }),
      json: { runFolder, ...record },
      exitCode: record.verdict.exitCode,
    };
  },
});
