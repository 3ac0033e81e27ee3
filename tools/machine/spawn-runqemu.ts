import { chmod, mkdir, open, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Context, Env } from "../core/context.ts";
import { PreflightError } from "../core/errors.ts";
import type { Launcher, MachinePlan } from "./machine.ts";
import type { StartedQemu, StartOptions } from "./open-machine.ts";
import { openMachine } from "./open-machine.ts";
import { parseQemuboot } from "./parse-qemuboot.ts";
import { formatShellWord } from "./parse-shell-words.ts";
import { planRunqemu } from "./plan-runqemu.ts";
import { findProgram } from "./read-host-facts.ts";

/** The values of the image's own file, with what is relative to it resolved as runqemu would (validate_paths, read_qemuboot). */
async function readValues(plan: MachinePlan): Promise<Record<string, string>> {
  const path = plan.spec.qemubootPath;
  const folder = dirname(path);
  const { values } = parseQemuboot(await readFile(path, "utf8"), path);
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      if (value.startsWith("../")) return [key, resolve(folder, value)];
      if (value === ".") return [key, folder];
      return [key, value.replaceAll("@DEPLOY_DIR_IMAGE@", folder)];
    }),
  );
}

/** The emulator that belongs to the build, where the conf names one that is there; else the host's. */
async function findQemu(plan: MachinePlan, values: Readonly<Record<string, string>>): Promise<string> {
  const built = values["STAGING_BINDIR_NATIVE"];
  const name = `qemu-system-${plan.spec.arch}`;
  return (built === undefined ? undefined : await findProgram({ env: { PATH: built } }, name)) ?? plan.qemu.path;
}

/**
 * Makes a sysroot with one program: the emulator, behind a script that writes down its process id and ties its life to ours. The host's
 * kernel ends QEMU when its parent dies, which is enough for OE's own runqemu; and a guard beside it ends QEMU when the lifeline, a FIFO
 * that only this tool holds open, is let go, which covers a runqemu that starts QEMU through others. The guard dies with QEMU.
 */
async function writeSysroot(options: {
  folder: string;
  name: string;
  qemuPath: string;
  pidPath: string;
  lifelinePath: string;
}): Promise<string> {
  const sysroot = join(options.folder, "sysroot");
  const bin = join(sysroot, "usr", "bin");
  await mkdir(bin, { recursive: true, mode: 0o700 });
  const wrapper = join(bin, options.name);
  const script = `#!/bin/sh
echo $$ >${formatShellWord(options.pidPath)}
setpriv --pdeathsig KILL -- sh -c 'read -r _ <"$1"; kill -KILL "$2"' guard ${formatShellWord(options.lifelinePath)} $$ >/dev/null 2>&1 &
exec setpriv --pdeathsig KILL -- ${formatShellWord(options.qemuPath)} "$@"
`;
  await writeFile(wrapper, script, { mode: 0o700 });
  await chmod(wrapper, 0o700);
  return sysroot;
}

/** OE's runqemu, and what oe-init-build-env adds to its environment. */
interface RunqemuProgram {
  readonly path: string;
  readonly environment: Env;
}

async function start(ctx: Context, runqemu: RunqemuProgram, { plan, files, folder, logPath }: StartOptions): Promise<StartedQemu> {
  const values = await readValues(plan);
  const pidPath = join(folder, "qemu.pid");
  const name = `qemu-system-${plan.spec.arch}`;
  const lifelinePath = join(folder, "lifeline");
  await ctx.exec.runCheck(["mkfifo", "-m", "600", lifelinePath]);
  // Read and write, because opening a FIFO for one of them waits for the other end.
  const lifeline = await open(lifelinePath, "r+");
  const sysroot = await writeSysroot({ folder, name, qemuPath: await findQemu(plan, values), pidPath, lifelinePath });
  const kernelPath = plan.spec.kernelPath === undefined ? undefined : join(folder, "kernel");
  if (kernelPath !== undefined && plan.spec.kernelPath !== undefined) await symlink(plan.spec.kernelPath, kernelPath);
  const confPath = join(folder, "machine.qemuboot.conf");
  const call = planRunqemu({
    plan,
    files,
    values: { ...values, QB_SYSTEM_NAME: name },
    runqemuPath: runqemu.path,
    confPath,
    sysroot,
    kernelPath,
  });
  await writeFile(confPath, call.conf);
  const process = await ctx.exec.spawn(call.argv, { outputFile: logPath, env: { ...runqemu.environment, ...call.env } });
  return {
    process,
    readPid: async () => Number((await readFile(pidPath, "utf8")).trim()),
    cutLifeline: () => lifeline.close(),
  };
}

/**
 * Starts QEMU through OpenEmbedded's runqemu: the one named, or the one on PATH (as after oe-init-build-env). Throws PreflightError when
 * there is none.
 */
export async function openRunqemuLauncher(
  ctx: Context,
  options: { path?: string | undefined; environment?: Env | undefined } = {},
): Promise<Launcher> {
  const named = options.path === undefined ? undefined : resolve(ctx.cwd, options.path);
  const runqemuPath =
    named === undefined ? await findProgram(ctx, "runqemu") : await findProgram({ env: { PATH: dirname(named) } }, basename(named));
  if (runqemuPath === undefined) {
    throw new PreflightError(
      named === undefined ? "there is no runqemu on PATH" : `there is no runqemu at ${named} that can be run`,
      {
        checks: [
          {
            name: "runqemu",
            found: "not found",
            repair: "source oe-init-build-env, or --runqemu /path/to/openembedded-core/scripts/runqemu",
          },
        ],
        hint: "source oe-init-build-env first, name it with --runqemu, or use the direct launcher: --launcher qemu",
      },
    );
  }
  return {
    name: "runqemu",
    launch: (context, plan) =>
      openMachine(context, {
        plan,
        launcher: "runqemu",
        start: (given) => start(context, { path: runqemuPath, environment: options.environment ?? {} }, given),
      }),
  };
}
