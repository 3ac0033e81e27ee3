import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { CommandError, PreflightError } from "../core/errors.ts";
import type { Launcher, Machine, MachinePlan } from "./machine.ts";
import { runFolderBase } from "./open-run-folder.ts";
import { readMachinePlan } from "./read-machine-plan.ts";
import { openRunqemuLauncher } from "./spawn-runqemu.ts";
import { openTestContext } from "./testing/open-test-context.ts";
import type { TinyEnd } from "./testing/write-tiny-guest.ts";
import { writeTinyGuest } from "./testing/write-tiny-guest.ts";
import { writeTinyRunqemu } from "./testing/write-tiny-runqemu.ts";

const HELLO = "[    0.000000] Linux version 0 (tiny)\r\nhello\r\n";
let folder = "";
let ctx: Context;
let runqemu = "";
let launcher: Launcher;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runqemu-"));
  ({ ctx } = openTestContext({ folder }));
  runqemu = await writeTinyRunqemu(folder);
  launcher = await openRunqemuLauncher(ctx, { path: runqemu });
});

afterEach(() => rm(folder, { recursive: true }));

async function planTiny(guest: { text?: string; end?: TinyEnd; append?: string } = {}): Promise<MachinePlan> {
  const { text = HELLO, end = "hang", append = "" } = guest;
  const path = await writeTinyGuest(ctx, { folder, text, end, append });
  return readMachinePlan(ctx, { path, machine: { accelerator: "tcg", memoryMib: 64, cpus: 1, outputFolder: join(folder, "out") } });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** QEMU is not our child here: whoever inherits it takes a moment to reap it. */
async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(20);
}

async function untilStarted(machine: Machine): Promise<void> {
  await new Promise<void>((resolve) => {
    machine.onConsoleEvent((event) => {
      if (event.kind === "kernel-started") resolve();
    });
  });
}

test("QEMU's own process, port and console are known, and all is gone at the end", async () => {
  let pid = 0;
  {
    await using machine = await launcher.launch(ctx, await planTiny());
    ({ pid } = machine);
    expect(await readFile(`/proc/${pid}/comm`, "utf8")).toMatch(/^qemu-system-x86/u);
    expect(machine.ssh.port).toBeGreaterThan(0);
    await untilStarted(machine);
  }
  await untilGone(pid);
  expect(await readdir(runFolderBase(ctx.env).path)).toEqual([]);
});

test("a guest that powers itself off, and one that panics", async () => {
  await using off = await launcher.launch(ctx, await planTiny({ end: "power-off" }));
  expect(await off.exited).toMatchObject({ reason: "powered-off" });
  await using panic = await launcher.launch(ctx, await planTiny({ text: "[ 1.0] Kernel panic - not syncing: tiny panic\r\n" }));
  expect(await panic.exited).toMatchObject({ reason: "panicked", detail: "tiny panic" });
  await untilGone(panic.pid);
});

test("a cut of the power reaches QEMU through runqemu", async () => {
  await using machine = await launcher.launch(ctx, await planTiny());
  expect(await machine.cutPower()).toMatchObject({ reason: "killed", detail: "the power was cut" });
  await untilGone(machine.pid);
});

test("that runqemu ends with 0 when QEMU fails deceives nobody", async () => {
  const launch = launcher.launch(
    ctx,
    await planTiny({ append: "" }).then((plan) => ({ ...plan, spec: { ...plan.spec, qemuCpu: "no-such-cpu" } })),
  );
  await expect(launch).rejects.toThrow(CommandError);
  await expect(launch).rejects.toThrow(/^runqemu ended without a running QEMU \(exit status 0\): .*no-such-cpu/u);
});

test("no runqemu is a preflight error that names the other launcher", async () => {
  const bare = openTestContext({ folder, env: { PATH: folder } }).ctx;
  await expect(openRunqemuLauncher(ctx, { path: "nowhere/runqemu" })).rejects.toThrow(PreflightError);
  await rm(runqemu);
  await expect(openRunqemuLauncher(bare)).rejects.toThrow("there is no runqemu on PATH");
});

test("SIGKILL to the tool takes runqemu and QEMU with it", async () => {
  const path = await writeTinyGuest(ctx, { folder, text: HELLO, end: "hang" });
  const script = join(import.meta.dirname, "testing", "run-one-machine.ts");
  const tool = spawn(process.execPath, [script, folder, path, runqemu], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(tool.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  expect(isAlive(pid)).toBe(true);
  tool.kill("SIGKILL");
  await untilGone(pid);
});
