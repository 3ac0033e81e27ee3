import { openRunningRecord } from "../access/open-running-record.ts";
import { launchMachine } from "../boot-test/launch-machine.ts";
import { openGuest } from "../boot-test/open-guest.ts";
import { waitUntilStopped } from "../boot-test/wait-until-stopped.ts";
import { defineCommand } from "../cli/command.ts";
import { readMachinePlan } from "../machine/read-machine-plan.ts";
import { readImage } from "../yocto/read-image.ts";
import { bootArguments, imageArguments, imagePositional, toImageOptions } from "./boot-arguments.ts";

export const bootCommand = defineCommand({
  name: "boot",
  describe: "Boot an image in QEMU and leave it running until Ctrl-C; nothing is judged",
  positionals: {
    image: imagePositional,
  },
  options: {
    ...bootArguments,
    ...imageArguments,
    timeout: { type: "number", default: 300, describe: "seconds until SSH must answer" },
  },
  examples: [
    ["boot qemux86-64", "what ./meta-k3s build made"],
    ["boot IMAGE.qemuboot.conf --memory 4096", "a machine to look around in"],
  ],
  epilogue: "The image is never changed: what the machine writes is thrown away when it ends.",
  handler: async (args, ctx) => {
    const options = toImageOptions(args, await readImage(ctx, args.image, args.dir));
    const plan = await readMachinePlan(ctx, options);
    await using machine = await launchMachine(ctx, plan, options);
    ctx.log.info(`console: ${machine.consolePath}`);
    await using shell = await openGuest(ctx, machine, {
      timeoutMs: args.timeout * 1000,
      onSeen: (seen) => ctx.log.progress(`waiting for SSH: ${seen}`),
    });
    const forward = await shell.forward({ host: "127.0.0.1", port: 6443 });
    const apiUrl = `https://127.0.0.1:${forward.port}`;
    await using _record = await openRunningRecord(ctx, { machine, hostKey: shell.hostKey, apiUrl });
    ctx.log.info("from another terminal: ./meta-k3s ssh, logs, kubeconfig, stop");
    ctx.log.info("the machine runs until Ctrl-C");
    const exit = await waitUntilStopped(ctx, machine);
    return {
      text: exit === undefined ? "stopped" : `the machine ended: ${exit.reason} ${exit.detail}`,
      json: { exit: exit ?? null },
    };
  },
});
