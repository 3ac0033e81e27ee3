import { launchMachine } from "../boot-test/launch-machine.ts";
import { openGuest } from "../boot-test/open-guest.ts";
import { waitUntilStopped } from "../boot-test/wait-until-stopped.ts";
import { defineCommand } from "../cli/command.ts";
import { readMachinePlan } from "../machine/read-machine-plan.ts";
import { bootArguments, toBootOptions } from "./boot-arguments.ts";

export const bootCommand = defineCommand({
  name: "boot",
  describe: "Boot an image in QEMU and leave it running until Ctrl-C; nothing is judged",
  positionals: {
    image: { type: "string", describe: "a *.qemuboot.conf, as BitBake's deploy folder or the testbed holds it", required: true },
  },
  options: {
    ...bootArguments,
    timeout: { type: "number", default: 300, describe: "seconds until SSH must answer" },
  },
  examples: [["boot IMAGE.qemuboot.conf --memory 4096", "a machine to look around in"]],
  epilogue: "The image is never changed: what the machine writes is thrown away when it ends.",
  handler: async (args, ctx) => {
    const options = toBootOptions(args, args.image);
    const plan = await readMachinePlan(ctx, options);
    await using machine = await launchMachine(ctx, plan, options);
    ctx.log.info(`console: ${machine.consolePath}`);
    await using _shell = await openGuest(ctx, machine, {
      timeoutMs: args.timeout * 1000,
      onSeen: (seen) => ctx.log.progress(`waiting for SSH: ${seen}`),
    });
    const { port, user, privateKeyPath } = machine.ssh;
    ctx.log.info(
      `shell: ssh -i ${privateKeyPath} -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -p ${port} ${user}@127.0.0.1`,
    );
    ctx.log.info("the machine runs until Ctrl-C");
    const exit = await waitUntilStopped(ctx, machine);
    return {
      text: exit === undefined ? "stopped" : `the machine ended: ${exit.reason} ${exit.detail}`,
      json: { exit: exit ?? null },
    };
  },
});
