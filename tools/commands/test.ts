import { join } from "node:path";
import { defineCommand } from "../cli/command.ts";
import { runBootTest } from "../boot-test/run-boot-test.ts";
import { renderText } from "../report/render-text.ts";
import { readImage } from "../yocto/read-image.ts";
import { bootArguments, imageArguments, imagePositional, judgeArguments, toImageOptions } from "./boot-arguments.ts";

export const testCommand = defineCommand({
  name: "test",
  describe: "Boot an image in QEMU and judge over SSH: every node and every kube-system pod Ready",
  positionals: {
    image: imagePositional,
  },
  options: { ...bootArguments, ...imageArguments, ...judgeArguments },
  examples: [
    ["test qemux86-64", "boot and judge what ./meta-k3s build made"],
    ["test IMAGE.qemuboot.conf --junit out.xml --json", "for a CI job"],
  ],
  epilogue:
    "The image is never changed. Exit codes: 0 Ready, 2 wrong input, 3 the host lacks something, 5 not Ready in time, 6 the guest failed.",
  handler: async (args, ctx) => {
    const { record, runFolder } = await runBootTest(ctx, {
      ...toImageOptions(args, await readImage(ctx, args.image, args.dir)),
      command: `test ${args.image}`,
      timeoutMs: args.timeout * 1000,
      stabilityMs: args.stability * 1000,
      junitPath: args.junit,
    });
    return {
      text: renderText(record, { reportPath: join(runFolder, "index.html") }),
      json: { runFolder, ...record },
      exitCode: record.verdict.exitCode,
    };
  },
});
