import { join } from "node:path";
import { buildTestbed } from "../../qemu-tests/testbed/build-testbed.ts";
import { runBootTest } from "../boot-test/run-boot-test.ts";
import { waitKeptGuest } from "../boot-test/wait-kept-guest.ts";
import { defineCommand } from "../cli/command.ts";
import { runPreflight } from "../host/run-doctor.ts";
import type { Architecture } from "../machine/machine-spec.ts";
import { renderText } from "../report/render-text.ts";
import { bootArguments, judgeArguments, toJudgeOptions, toBootOptions } from "./boot-arguments.ts";

const ARCHITECTURES: Readonly<Record<string, Architecture>> = { "qemux86-64": "x86_64", qemuarm64: "aarch64", qemuarm: "arm" };

export const demoCommand = defineCommand({
  name: "demo",
  describe: "See a Kubernetes node turn Ready in a virtual machine, minutes after cloning; no Yocto build",
  options: {
    machine: { type: "string", choices: Object.keys(ARCHITECTURES), default: "qemux86-64", describe: "which kind of machine" },
    k3s: { type: "string", describe: "run this k3s binary instead of the stand-in", valueName: "FILE" },
    keep: {
      type: "boolean",
      default: false,
      describe: "leave the machine running until Ctrl-C, with SSH and a kubeconfig for this host",
    },
    install: {
      type: "boolean",
      default: true,
      describe: "install missing host packages on Debian and Ubuntu (--no-install refuses)",
    },
    ...bootArguments,
    ...judgeArguments,
  },
  examples: [
    ["demo", "build the testbed where needed, boot it, judge it, report"],
    ["demo --keep", "and look around: ssh and kubectl lines are printed"],
    ["demo --k3s ./k3s", "with a real k3s binary of your own"],
  ],
  epilogue: "The first run makes the testbed from Debian packages and Go modules (docs/testbed.md); later runs find it made.",
  handler: async (args, ctx) => {
    const arch = ARCHITECTURES[args.machine] ?? "x86_64";
    await runPreflight(ctx, { purposes: arch === "x86_64" ? ["demo"] : ["demo", "foreign"], install: args.install });
    const testbed = await buildTestbed(ctx, { arch, k3s: args.k3s });
    const { record, runFolder } = await runBootTest(ctx, {
      ...toBootOptions(args, testbed.qemubootPath),
      command: "demo",
      ...toJudgeOptions(args),
      whileRunning: async (guest) => {
        if (args.keep) await waitKeptGuest(ctx, guest);
      },
    });
    return {
      text: renderText(record, { reportPath: join(runFolder, "index.html") }),
      json: { runFolder, ...record },
      exitCode: record.verdict.exitCode,
    };
  },
});
