import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { AbortedError, CommandError, PreflightError } from "../core/errors.ts";
import type { ConsoleEvent, Machine, MachinePlan } from "./machine.ts";
import { openRunFolder, runFolderBase } from "./open-run-folder.ts";
import type { MachineOptions } from "./plan-machine.ts";
import { readMachinePlan } from "./read-machine-plan.ts";
import { qemuLauncher } from "./spawn-qemu.ts";
import { openTestContext } from "./testing/open-test-context.ts";
import type { TinyEnd } from "./testing/write-tiny-guest.ts";
import { writeTinyGuest } from "./testing/write-tiny-guest.ts";

const HELLO = "[    0.000000] Linux version 0 (tiny)\r\nhello\r\n";
const PANIC = `${HELLO}[    1.0] Kernel panic - not syncing: tiny panic\r\n`;
let folder = "";
let ctx: Context;
let abort: () => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "machine-"));
  ({ ctx, abort } = openTestContext({ folder }));
});

afterEach(() => rm(folder, { recursive: true }));

async function planTiny(
  guest: { text?: string; end?: TinyEnd; append?: string } = {},
  options: MachineOptions = {},
): Promise<MachinePlan> {
  const { text = HELLO, end = "hang", append = "" } = guest;
  const path = await writeTinyGuest(ctx, { folder, text, end, append });
  const machine: MachineOptions = { accelerator: "tcg", memoryMib: 64, cpus: 1, outputFolder: join(folder, "out"), ...options };
  return readMachinePlan(ctx, { path, machine });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(20);
}

/** Resolves with the first event of a kind. */
function nextEvent(machine: Machine, kind: ConsoleEvent["kind"]): Promise<ConsoleEvent> {
  return new Promise((resolve) => {
    machine.onConsoleEvent((event) => {
      if (event.kind === kind) resolve(event);
    });
  });
}

async function runFolders(): Promise<string[]> {
  return readdir(runFolderBase(ctx.env).path);
}

test("a machine runs, is reached on 127.0.0.1 only, and leaves nothing but its logs", async () => {
  const plan = await planTiny();
  const image = await readFile(plan.spec.rootDisk.path);
  let pid = 0;
  {
    await using machine = await qemuLauncher.launch(ctx, plan);
    ({ pid } = machine);
    const started = await nextEvent(machine, "kernel-started");
    expect(started.line).toBe("[    0.000000] Linux version 0 (tiny)");
    expect(await machine.qmp("query-status")).toMatchObject({ running: true });
    const socket = connect(machine.ssh.port, "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
    const listening = (await readFile("/proc/net/tcp", "utf8")).split("\n").filter((line) => {
      const local = line.trim().split(/\s+/u)[1] ?? "";
      return local.endsWith(`:${machine.ssh.port.toString(16).toUpperCase().padStart(4, "0")}`) && line.includes(" 0A ");
    });
    expect(listening.map((line) => line.trim().split(/\s+/u)[1]?.slice(0, 8))).toEqual(["0100007F"]);
    expect(machine.ssh.hostKey).toMatch(/^ssh-ed25519 AAAA\S+$/u);
    expect((await readFile(machine.ssh.privateKeyPath, "utf8")).startsWith("-----BEGIN OPENSSH PRIVATE KEY-----")).toBe(true);
  }
  expect(isAlive(pid)).toBe(false);
  expect(await runFolders()).toEqual([]);
  expect(await readFile(join(folder, "out", "console.log"), "latin1")).toContain(HELLO);
  expect(
    createHash("sha256")
      .update(await readFile(plan.spec.rootDisk.path))
      .digest("hex"),
  ).toBe(createHash("sha256").update(image).digest("hex"));
});

test("no secret is on QEMU's command line", async () => {
  await using machine = await qemuLauncher.launch(ctx, await planTiny());
  const argv = await readFile(`/proc/${machine.pid}/cmdline`, "latin1");
  const key = (await readFile(machine.ssh.privateKeyPath, "utf8")).split("\n")[1] ?? "";
  expect(key.length).toBeGreaterThan(40);
  expect(argv).not.toContain(key);
  expect(argv).not.toContain(Buffer.from(key).toString("base64").slice(0, 40));
});

test.each<[string, { text?: string; end?: TinyEnd }, string, string]>([
  ["powers itself off", { end: "power-off" }, "powered-off", ""],
  ["reboots itself", { end: "reset" }, "rebooted", ""],
  ["panics and hangs", { text: PANIC }, "panicked", "tiny panic"],
  ["panics and resets", { text: PANIC, end: "reset" }, "panicked", "tiny panic"],
])("a guest that %s is told apart", async (_name, guest, reason, detail) => {
  await using machine = await qemuLauncher.launch(ctx, await planTiny(guest));
  const exit = await machine.exited;
  expect(exit).toMatchObject({ reason, detail });
  expect(exit.consoleTail).toContain("hello");
});

test("a guest that may reboot goes on, and its second boot is seen", async () => {
  await using machine = await qemuLauncher.launch(ctx, await planTiny({ end: "reset" }, { allowReboot: true }));
  let boots = 0;
  await new Promise<void>((resolve) => {
    machine.onConsoleEvent((event) => {
      if (event.kind === "kernel-started") boots += 1;
      if (boots === 2) resolve();
    });
  });
  expect(await machine.qmp("query-status")).toMatchObject({ running: true });
});

test("QEMU killed by somebody else", async () => {
  await using machine = await qemuLauncher.launch(ctx, await planTiny());
  await nextEvent(machine, "kernel-started");
  process.kill(machine.pid, "SIGKILL");
  const exit = await machine.exited;
  expect(exit).toMatchObject({ reason: "killed", detail: "ended by SIGKILL, by somebody or by the host for want of memory" });
  await expect(machine.qmp("query-status")).rejects.toThrow("QEMU has ended, so it cannot do query-status");
});

test("the power can be cut", async () => {
  await using machine = await qemuLauncher.launch(ctx, await planTiny());
  expect(await machine.cutPower()).toMatchObject({ reason: "killed", detail: "the power was cut" });
  expect(isAlive(machine.pid)).toBe(false);
});

test("a guest that does not heed the power button is switched off when its time is over", async () => {
  await using machine = await qemuLauncher.launch(ctx, await planTiny());
  expect(await machine.powerOff({ timeoutMs: 200 })).toMatchObject({
    reason: "killed",
    detail: "the guest did not shut down in time and was switched off",
  });
});

test("an error of QMP is told in QEMU's words", async () => {
  await using machine = await qemuLauncher.launch(ctx, await planTiny());
  await expect(machine.qmp("no-such-command")).rejects.toThrow(
    "QEMU refused no-such-command: The command no-such-command has not been found",
  );
});

test("a port in use is a preflight error that names it, and nothing stays", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const launch = qemuLauncher.launch(ctx, await planTiny({}, { sshPort: port }));
  await expect(launch).rejects.toThrow(PreflightError);
  await expect(launch).rejects.toThrow(`port ${port} on 127.0.0.1 is already in use`);
  server.close();
  expect(await runFolders()).toEqual([]);
});

test("what QEMU refuses is told in its words", async () => {
  const launch = qemuLauncher.launch(ctx, await planTiny({ append: "-device no-such-device" }));
  await expect(launch).rejects.toThrow(CommandError);
  await expect(launch).rejects.toThrow(/^QEMU did not start \(exit status 1\): .*no-such-device/u);
  expect(await runFolders()).toEqual([]);
});

test("a second run beside the first has its own port, keys and overlay", async () => {
  const plan = await planTiny();
  await using first = await qemuLauncher.launch(ctx, plan);
  await using second = await qemuLauncher.launch(ctx, { ...plan, outputFolder: join(folder, "out2") });
  expect(second.ssh.port).not.toBe(first.ssh.port);
  expect(second.ssh.hostKey).not.toBe(first.ssh.hostKey);
  await Promise.all([nextEvent(first, "kernel-started"), nextEvent(second, "kernel-started")]);
  expect(await runFolders()).toHaveLength(2);
  await first[Symbol.asyncDispose]();
  expect(await second.qmp("query-status")).toMatchObject({ running: true });
});

test("what a machine with a state folder wrote is there for the next one, and not for another image", async () => {
  const plan = await planTiny({}, { stateFolder: join(folder, "state"), dataDisks: [{ blankMib: 8, cache: "writeback" }] });
  {
    await using machine = await qemuLauncher.launch(ctx, plan);
    await machine.qmp("human-monitor-command", { "command-line": 'qemu-io root "write -P 0x5a 0 4096"' });
    await machine.cutPower();
  }
  {
    await using machine = await qemuLauncher.launch(ctx, plan);
    expect(await machine.qmp("human-monitor-command", { "command-line": 'qemu-io root "read -P 0x5a 0 4096"' })).not.toContain(
      "verification failed",
    );
  }
  await access(join(folder, "state", "data0.qcow2"));
  await expect(
    planTiny({}, { stateFolder: join(folder, "state") }).then((again) => qemuLauncher.launch(ctx, again)),
  ).rejects.toThrow("holds the changes of another image, or the image was built anew since");
});

test("Ctrl-C ends the machine; a launch afterwards does not begin", async () => {
  const plan = await planTiny();
  await using machine = await qemuLauncher.launch(ctx, plan);
  abort();
  expect(await machine.exited).toMatchObject({ reason: "killed" });
  expect(isAlive(machine.pid)).toBe(false);
  await expect(qemuLauncher.launch(ctx, plan)).rejects.toThrow(AbortedError);
});

test.each<NodeJS.Signals>(["SIGKILL", "SIGTERM"])(
  "%s to the tool takes QEMU with it, and the next run sweeps up",
  async (signal) => {
    const path = await writeTinyGuest(ctx, { folder, text: HELLO, end: "hang" });
    const script = join(import.meta.dirname, "testing", "run-one-machine.ts");
    const tool = spawn(process.execPath, [script, folder, path], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(tool.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    tool.kill(signal);
    await once(tool, "exit");
    await untilGone(pid);
    expect(await runFolders()).toHaveLength(1);
    {
      await using fresh = await openRunFolder(ctx);
      expect(await runFolders()).toEqual([fresh.path.split("/").at(-1)]);
    }
  },
);
