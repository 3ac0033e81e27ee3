import { qemuLauncher } from "../spawn-qemu.ts";
import { readMachinePlan } from "../read-machine-plan.ts";
import { openRunqemuLauncher } from "../spawn-runqemu.ts";
import { openTestContext } from "./open-test-context.ts";

/**
 * A program that starts the machine of a qemuboot.conf, says QEMU's process id and waits for the machine's end, without any care for
 * signals: what tests kill. Arguments: folder, qemuboot.conf, and a runqemu to go through it.
 */
const [folder = "", path = "", runqemuPath] = process.argv.slice(2);
const { ctx } = openTestContext({ folder });
const plan = await readMachinePlan(ctx, { path, machine: { accelerator: "tcg", memoryMib: 64, cpus: 1 } });
const launcher = runqemuPath === undefined ? qemuLauncher : await openRunqemuLauncher(ctx, { path: runqemuPath });
const machine = await launcher.launch(ctx, plan);
process.stdout.write(`${machine.pid}\n`);
await machine.exited;
