import { spawn } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { GuestResult, GuestRunOptions } from "../cluster/guest-shell.ts";
import { systemClock } from "../core/clock.ts";
import { AbortedError, GuestError } from "../core/errors.ts";
import { openLogger } from "../core/logger.ts";
import { gatherBundle, type BundleGuest } from "./gather-bundle.ts";
import { bundleQuestions } from "./plan-bundle.ts";

const token = "run-secret-0123456789";
const pods = {
  kind: "List",
  items: [
    {
      kind: "Pod",
      metadata: { namespace: "kube-system", name: "coredns-1" },
      status: { phase: "Running", containerStatuses: [{ name: "coredns", ready: false, restartCount: 3 }] },
    },
    {
      kind: "Pod",
      metadata: { namespace: "a; touch owned", name: "x" },
      status: { phase: "Pending", containerStatuses: [{ name: "x", ready: false }] },
    },
  ],
};

let folder = "";
let bin = "";
const running = new Set<ReturnType<typeof spawn>>();

async function addProgram(name: string, script: string): Promise<void> {
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, name), 0o755);
}

/** A guest that is this machine's own shell, with a few programs of its own in front. */
function runLocally(command: string, options: GuestRunOptions = {}): Promise<GuestResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", command], {
      env: { PATH: `${bin}:/usr/bin:/bin:/usr/sbin:/sbin` },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    running.add(child);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => void (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => void (stderr += chunk.toString()));
    const timer = setTimeout(
      () => reject(new GuestError("a command on the guest did not end", { code: "GUEST_COMMAND_TIMEOUT" })),
      options.timeoutMs ?? 60_000,
    );
    child.once("close", (status, signalName) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ status: status ?? undefined, signalName: signalName ?? undefined, stdout, stderr });
    });
  });
}

/** As runLocally, but one question is never answered. */
async function hangForK3s(command: string, options?: GuestRunOptions): Promise<GuestResult> {
  if (!command.includes("journalctl -b --no-pager -u k3s")) return await runLocally(command, options);
  throw new GuestError(`a command on the guest did not end within 60 s: ${command}`, { code: "GUEST_COMMAND_TIMEOUT" });
}

function guest(changes: Partial<BundleGuest> = {}): BundleGuest {
  return {
    name: "guest",
    shell: { run: runLocally },
    consolePath: join(folder, "console.log"),
    qemuArgv: ["qemu-system-x86_64", "-m", "2048"],
    ...changes,
  };
}

function context(signal = new AbortController().signal): Parameters<typeof gatherBundle>[0] {
  return { clock: systemClock, signal, log: openLogger({ stream: { write: () => true }, verbose: false, elapsedMs: () => 0 }) };
}

const options = (guests: readonly BundleGuest[]): Parameters<typeof gatherBundle>[1] => ({
  folder,
  guests,
  qemuVersion: "7.2.17",
  secrets: [token],
  timeoutMs: 90_000,
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bundle-"));
  bin = await mkdtemp(join(tmpdir(), "bundle-bin-"));
  await writeFile(join(folder, "console.log"), `Linux version 6.12\nlogin with ${token}\n`);
  await writeFile(join(bin, "pods.json"), JSON.stringify(pods));
  await addProgram(
    "kubectl",
    `case "$*" in *"-o json"*) cat ${bin}/pods.json ;; *logs*--previous*) echo "panic: Bearer 0123456789abcdefXYZ" ;; *) echo "kubectl $*" ;; esac`,
  );
  await addProgram("journalctl", `echo "k3s server --token ${token}x --node-name a"`);
  await addProgram("crictl", "echo boom >&2; exit 3");
  for (const name of ["dmesg", "systemctl", "iptables", "iptables-save", "ip6tables-save", "nft", "k3s", "containerd", "runc"])
    await addProgram(name, `echo ${name}`);
});

afterEach(async () => {
  for (const child of running) if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  running.clear();
  await rm(folder, { recursive: true, force: true });
  await rm(bin, { recursive: true, force: true });
});

test("a guest that answers gives every file, scrubbed, with the logs of what fails", async () => {
  const bundle = await gatherBundle(context(), options([guest()]));
  const read = (path: string): Promise<string> => readFile(join(folder, bundle.folder, path), "utf8");
  const byPath = new Map(bundle.files.map((file) => [file.path, file]));

  expect([...byPath.keys()]).toEqual(expect.arrayContaining(bundleQuestions.map((question) => question.path)));
  expect(await read("console.txt")).toBe("Linux version 6.12\nlogin with [removed]\n");
  expect(await read("journal.txt")).toContain("--token [removed] --node-name a");
  expect(await read("qemu.txt")).toContain("-m");
  expect(await read("disks.txt")).toMatch(/\d+%/u);
  expect(await read("pod-logs/kube-system_coredns-1_coredns_previous.txt")).toBe("panic: Bearer [removed]\n");
  expect(byPath.get("crictl-pods.txt")).toMatchObject({ problem: "exit status 3: boom" });
  expect(await read("INDEX.md")).toContain("crictl-pods.txt: exit status 3: boom");
  expect(JSON.parse(await read("index.json"))).toMatchObject({ schemaVersion: 1, files: bundle.files });
  for (const file of bundle.files.filter((one) => one.bytes > 0)) {
    const text = await read(file.path);
    expect(text).not.toContain(token);
    expect({ path: file.path, bytes: Buffer.byteLength(text) }).toEqual({ path: file.path, bytes: file.bytes });
  }
  expect((await readdir(folder)).sort()).toEqual(["bundle", "console.log"]);
});

test("a dead guest leaves what the host has, and says of each file why it is missing", async () => {
  const bundle = await gatherBundle(context(), options([guest({ shell: undefined, shellProblem: "SSH never answered" })]));
  const missing = bundle.files.filter((file) => file.bytes === 0);
  expect(missing.map((file) => file.path).sort()).toEqual(bundleQuestions.map((question) => question.path).sort());
  for (const file of missing) expect(file.problem).toBe("not asked: SSH never answered");
  expect(await readdir(join(folder, "bundle"))).toEqual(expect.arrayContaining(["INDEX.md", "console.txt", "qemu.txt"]));
});

test("a connection that breaks ends the questions, not the bundle", async () => {
  let asked = 0;
  const run = async (command: string, runOptions?: GuestRunOptions): Promise<GuestResult> => {
    asked += 1;
    if (asked > 4) throw new GuestError("the connection to the guest was lost", { code: "SSH_LOST" });
    return await runLocally(command, runOptions);
  };
  const bundle = await gatherBundle(context(), options([guest({ shell: { run } })]));
  expect(asked).toBeLessThan(10);
  expect(bundle.files.filter((file) => file.problem?.includes("was lost"))).not.toHaveLength(0);
  expect(bundle.files.find((file) => file.path === "journal.txt")?.problem).toBeNull();
});

test("of a question that hangs is said how long it was waited for, and the others are asked", async () => {
  const bundle = await gatherBundle(context(), options([guest({ shell: { run: hangForK3s } })]));
  const problems = new Map(bundle.files.map((file) => [file.path, file.problem]));
  // The bundle's own time may be shorter than the question's.
  expect(problems.get("journal-k3s.txt")).toMatch(/^no answer within \d+\.\d s$/u);
  expect(problems.get("journal.txt")).toBeNull();
});

test("several machines get a folder each", async () => {
  const bundle = await gatherBundle(
    context(),
    options([guest({ name: "server", shell: undefined }), guest({ name: "agent-1", shell: undefined })]),
  );
  expect(bundle.files.map((file) => file.path)).toEqual(
    expect.arrayContaining(["server/console.txt", "agent-1/console.txt", "host.txt"]),
  );
});

test("stopped on request, it leaves nothing behind and does not wait for the guest", async () => {
  const controller = new AbortController();
  await addProgram("journalctl", "sleep 300");
  const gathering = gatherBundle(context(controller.signal), options([guest()]));
  controller.abort();
  await expect(gathering).rejects.toThrow(AbortedError);
  expect(await readdir(folder)).toEqual(["console.log"]);
});
