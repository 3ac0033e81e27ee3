import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ConsoleEvent, MachineExit } from "../machine/machine.ts";
import type { GuestShell } from "./guest-shell.ts";
import { openSsh } from "./open-ssh.ts";
import { planExpectations } from "./plan-expectations.ts";
import { openTestContext, type TestContext } from "./testing/open-test-context.ts";
import {
  type ApiObject,
  renderCondition,
  renderContainerStatus,
  renderDeployment,
  renderLease,
  renderNode,
  renderPod,
} from "./testing/render-cluster.ts";
import { type FakeApi, spawnFakeApi } from "./testing/spawn-fake-api.ts";
import { spawnSshd, type TestSshd, writeScript } from "./testing/spawn-sshd.ts";
import { type ClusterOutcome, type ClusterWaitOptions, waitForCluster } from "./wait-cluster.ts";

const CONFIG = { files: [], args: ["server", "--disable=traefik,metrics-server,local-storage"], manifests: [] };
/** No test reaches it by waiting: those about deadlines make the clock jump. */
const LONG_MS = 3_600_000;
const EXPECTATIONS = planExpectations({ config: CONFIG, nodeNames: ["guest"] });

/** Healthy answers of the guest's own programs; a test replaces the one it is about. */
const PROGRAMS: Readonly<Record<string, string>> = {
  systemctl:
    "printf 'Id=k3s.service\\nLoadState=loaded\\nActiveState=active\\nSubState=running\\nResult=success\\nNRestarts=0\\nExecMainStatus=0\\n'",
  df: "echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo '/dev/vda 4000000 1000000 3000000 25% /'",
  dmesg: "true",
  journalctl: "echo 'level=fatal msg=\"the last words\"'",
};

function unitShow(fields: Record<string, string>): string {
  const all = { Id: "k3s.service", LoadState: "loaded", ActiveState: "active", SubState: "running", Result: "success", ...fields };
  return `printf '${Object.entries(all)
    .map(([key, value]) => `${key}=${value}\\n`)
    .join("")}'`;
}

describe("waiting for a cluster over a real sshd", () => {
  let sshd: TestSshd;
  let api: FakeApi;
  let shell: GuestShell;
  let context: TestContext;
  let kubeconfigPath: string;

  beforeEach(async () => {
    sshd = await spawnSshd();
    for (const [name, body] of Object.entries(PROGRAMS)) writeScript(join(sshd.bin, name), body);
    api = await spawnFakeApi(sshd.folder, sshd.bin);
    context = openTestContext();
    kubeconfigPath = join(sshd.folder, "k3s.yaml");
    shell = await openSsh(context.ctx, sshd.endpoint, { timeoutMs: 60_000 });
  });
  afterEach(async () => {
    await shell[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await sshd[Symbol.asyncDispose]();
  });

  const writeKubeconfig = (): void => writeFileSync(kubeconfigPath, api.kubeconfig);

  function start(options: Partial<ClusterWaitOptions> = {}): Promise<ClusterOutcome> {
    return waitForCluster(context.ctx, {
      shell,
      machineName: "test",
      expectations: EXPECTATIONS,
      poweredOnAtMs: Date.now(),
      timeoutMs: LONG_MS,
      kubeconfigPath,
      rules: { stabilityMs: 500 },
      ...options,
    });
  }

  /** Resolves when it holds; what was logged until then is the error's text should it never. */
  async function until(what: string, holds: () => boolean): Promise<void> {
    const startMs = context.ctx.clock.monotonicMs();
    while (!holds()) {
      if (context.ctx.clock.monotonicMs() - startMs > 80_000)
        throw new Error(`never: ${what}; logged:\n${context.lines.join("\n")}`);
      await context.ctx.clock.sleep(20);
    }
  }

  /** Resolves when a line that fits was logged. */
  async function logged(words: RegExp): Promise<void> {
    await until(String(words), () => context.lines.some((line) => words.test(line)));
  }

  test("follows a boot step by step and says why it is not there yet", async () => {
    const waiting = start();
    await logged(/api: NoKubeconfig: k3s has not written .*k3s\.yaml/);
    await api.stop();
    writeKubeconfig();
    await logged(/api: ApiNotListening/);
    await api.start();
    await logged(/node guest: NotFound/);
    const node = renderNode("guest");
    const notReady = structuredClone(node);
    notReady.status["conditions"] = [renderCondition("Ready", "False", "KubeletNotReady", "cni plugin not initialized")];
    api.put(notReady);
    await logged(/node guest: KubeletNotReady: cni plugin not initialized/);
    api.put(node, ...renderDeployment("coredns"));

    const outcome = await waiting;
    expect(outcome).toMatchObject({ outcome: "ready", exitCode: 0, problems: [] });
    expect(outcome.stableForMs).toBeGreaterThanOrEqual(500);
    expect(outcome.checks).toMatchObject([
      { name: "node guest", outcome: "passed" },
      { name: "nodes", outcome: "passed" },
      { name: "deployment kube-system/coredns", outcome: "passed" },
      { name: "every other pod of kube-system", outcome: "passed" },
    ]);
    expect(outcome.events.map((event) => `${event.kind} ${event.subject}`)).toEqual(
      expect.arrayContaining(["api test", "node-ready node guest", "pod-ready pod kube-system/coredns-1-a", "ready test"]),
    );
    expect(outcome.waits.map((wait) => wait.reason)).toEqual(
      expect.arrayContaining(["NoKubeconfig", "ApiNotListening", "NotFound", "KubeletNotReady"]),
    );
    expect(outcome.memory.length).toBeGreaterThan(0);
    expect(outcome.pods).toMatchObject([{ name: "coredns-1-a", ready: true, restarts: 0, node: "guest" }]);
  });

  test("is not Ready while kubectl sees it otherwise, and is once it agrees", async () => {
    writeKubeconfig();
    const objects = [renderNode("guest"), ...renderDeployment("coredns")];
    api.put(...objects);
    api.setKubectlList(objects.slice(0, 1));
    const waiting = start();
    await logged(/kubectl on the guest sees it otherwise: deployment kube-system\/coredns: NotFound/);
    api.setKubectlList(undefined);
    expect((await waiting).outcome).toBe("ready");
  });

  test("is not Ready without a kubectl that works", async () => {
    writeKubeconfig();
    api.put(renderNode("guest"), ...renderDeployment("coredns"));
    writeScript(join(sshd.bin, "kubectl"), "echo 'error: no such thing' >&2; exit 1");
    const waiting = start();
    await logged(/info: kubectl on the guest fails/);
    context.advance(LONG_MS);
    const outcome = await waiting;
    expect(outcome).toMatchObject({ outcome: "not-ready", exitCode: 5 });
    expect(outcome.summary).toMatch(/kubectl on the guest fails: error: no such thing/);
  });

  test("a restart and an API server that went away make the window start anew", async () => {
    writeKubeconfig();
    const pods = renderDeployment("coredns");
    api.put(renderNode("guest"), ...pods);
    const waiting = start({ rules: { stabilityMs: 3000 } });
    await logged(/all Ready; watching it/);
    await until("a watch of every kind", () => api.countWatches() === 9);
    const restarted = structuredClone(pods[2] as ApiObject);
    restarted.status["containerStatuses"] = [renderContainerStatus("main", 1)];
    api.put(restarted);
    await logged(/watching it for 3 s again: pod kube-system\/coredns-1-a: container main was restarted \(0 to 1 restarts\)/);
    await api.stop();
    await logged(/api: Api/);
    await api.start();
    const outcome = await waiting;
    expect(outcome.outcome).toBe("ready");
    expect(outcome.stableForMs).toBeGreaterThanOrEqual(3000);
    expect(outcome.waits.some((wait) => wait.subject === "api")).toBe(true);
    expect(outcome.events.some((event) => event.kind === "problem" && event.detail.includes("was restarted"))).toBe(true);
  });

  test("what is stored from before a reboot is not Ready before the kubelet says so", async () => {
    writeKubeconfig();
    api.put(renderNode("guest"), renderLease("guest", "2026-11-21T15:00:00.000000Z"), ...renderDeployment("coredns"));
    const waiting = start();
    await logged(/node guest: NoHeartbeat: its kubelet has not renewed its lease since the API server came up/);
    await until("a watch of every kind", () => api.countWatches() === 9);
    expect(context.lines.join("\n")).not.toMatch(/all Ready/);
    api.put(renderLease("guest", "2026-11-21T15:10:00.000000Z"));
    const outcome = await waiting;
    expect(outcome.outcome).toBe("ready");
    expect(outcome.waits.map((wait) => wait.reason)).toContain("NoHeartbeat");
  });

  test("expired watches are begun anew from a fresh list", async () => {
    writeKubeconfig();
    api.put(renderNode("guest"));
    const waiting = start();
    await logged(/coredns: NotFound/);
    await until("a watch of every kind", () => api.countWatches() === 9);
    const before = api.lists.get("Deployment") ?? 0;
    api.expireWatches();
    await until("a fresh list", () => (api.lists.get("Deployment") ?? 0) > before);
    api.put(...renderDeployment("coredns"));
    expect((await waiting).outcome).toBe("ready");
  });

  test("names what was seen last when the time is up", async () => {
    writeKubeconfig();
    api.put(renderNode("guest"));
    const waiting = start();
    await logged(/coredns: NotFound/);
    context.advance(LONG_MS);
    const outcome = await waiting;
    expect(outcome).toMatchObject({ outcome: "not-ready", exitCode: 5, heldSinceMs: undefined });
    expect(outcome.summary).toMatch(
      /gave up waiting for the workloads to be Ready after 36\d\d s: deployment kube-system\/coredns: NotFound/,
    );
    expect(outcome.checks.find((check) => check.name === "deployment kube-system/coredns")).toMatchObject({ outcome: "failed" });
    expect(outcome.checks.find((check) => check.name === "node guest")).toMatchObject({ outcome: "passed" });
  });

  test("each stage has its own deadline", async () => {
    const waiting = start({ deadlines: { apiMs: 600_000 } });
    await logged(/api: NoKubeconfig/);
    context.advance(600_000);
    const outcome = await waiting;
    expect(outcome.outcome).toBe("not-ready");
    expect(outcome.summary).toMatch(/gave up waiting for the API server after 6\d\d s: api: NoKubeconfig/);
    expect(outcome.checks.every((check) => check.outcome === "not-judged")).toBe(true);
  });

  test.each<[string, string, string, RegExp]>([
    [
      "a unit that failed",
      "systemctl",
      unitShow({ ActiveState: "failed", Result: "exit-code", ExecMainStatus: "1" }),
      /UNIT_FAILED k3s\.service failed \(exit-code, exit status 1\); its last words:\n.*the last words/,
    ],
    [
      "a full disk",
      "df",
      "echo H; echo '/dev/vda 4000000 3999990 10 100% /'",
      /DISK_FULL the filesystem at \/ is full: 10 of 4000000 KiB are free/,
    ],
  ])("fails at once on %s", async (_name, program, body, words) => {
    writeScript(join(sshd.bin, program), body);
    const outcome = await start();
    expect(outcome).toMatchObject({ outcome: "guest-failed", exitCode: 6 });
    expect(outcome.problems.map((problem) => `${problem.code} ${problem.message}`).join("\n")).toMatch(words);
  });

  test("fails on a unit that is restarted again and again", async () => {
    const count = join(sshd.folder, "count");
    writeFileSync(count, "0");
    const body = `n=$(($(cat ${count}) + 1)); echo $n >${count}; ${unitShow({ ActiveState: "activating", SubState: "auto-restart", Result: "exit-code" })}; echo NRestarts=$n`;
    writeScript(join(sshd.bin, "systemctl"), body);
    const outcome = await start();
    expect(outcome.problems).toMatchObject([{ code: "UNIT_RESTARTING", subject: "k3s.service" }]);
  });

  test("fails on a crash loop with the container's exit code", async () => {
    writeKubeconfig();
    const objects = renderDeployment("coredns");
    const [, , pod] = objects;
    (pod as ApiObject).status["containerStatuses"] = [
      {
        ...renderContainerStatus("main", 5),
        ready: false,
        state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } },
        lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } },
      },
    ];
    api.put(renderNode("guest"), ...objects);
    const outcome = await start({ rules: { stabilityMs: 500, crashBackOffMs: 500 } });
    expect(outcome).toMatchObject({ outcome: "guest-failed", exitCode: 6 });
    expect(outcome.problems[0]).toMatchObject({
      code: "POD_CRASH_LOOPING",
      message: expect.stringContaining("exit code 137 (OOMKilled)") as string,
    });
  });

  test.each<[string, ConsoleEvent, string]>([
    ["a panic", { kind: "kernel-panic", atMs: 5, subject: undefined, line: "Kernel panic - not syncing: VFS" }, "KERNEL_PANIC"],
    [
      "an OOM kill",
      {
        kind: "oom-kill",
        atMs: 5,
        subject: "k3s-server",
        line: "[ 9.1] Out of memory: Killed process 300 (k3s-server) total-vm:1kB",
      },
      "OOM_KILL",
    ],
    ["a disk error", { kind: "disk-error", atMs: 5, subject: "vda", line: "I/O error, dev vda, sector 0" }, "DISK_ERROR"],
  ])("fails at once on %s seen on the console", async (_name, event, code) => {
    const outcome = await start({
      onConsoleEvent: (listener) => {
        listener(event);
        return () => undefined;
      },
    });
    expect(outcome).toMatchObject({ outcome: "guest-failed", problems: [{ code }] });
  });

  test("a container killed at its own memory limit is no OOM of the machine", async () => {
    const line = "Memory cgroup out of memory: Killed process 300 (coredns) total-vm:1kB";
    writeKubeconfig();
    api.put(renderNode("guest"), ...renderDeployment("coredns"));
    const outcome = await start({
      onConsoleEvent: (listener) => {
        listener({ kind: "oom-kill", atMs: 5, subject: "coredns", line });
        return () => undefined;
      },
    });
    expect(outcome.outcome).toBe("ready");
  });

  test("the machine's end is the reason, not the connection lost with it", async () => {
    writeKubeconfig();
    const exit = Promise.withResolvers<MachineExit>();
    const waiting = start({ exited: exit.promise });
    await logged(/node guest: NotFound/);
    sshd.cut();
    await shell.closed;
    exit.resolve({ reason: "killed", detail: "signal 9", consoleTail: "" });
    expect((await waiting).problems).toMatchObject([{ code: "MACHINE_KILLED", message: "QEMU was killed: signal 9" }]);
  });

  test("a connection lost by itself is named", async () => {
    writeKubeconfig();
    const waiting = start();
    await logged(/node guest: NotFound/);
    sshd.cut();
    expect(await waiting).toMatchObject({ outcome: "guest-failed", problems: [{ code: "SSH_LOST" }] });
  });

  test("an abort throws and leaves nothing running", async () => {
    writeKubeconfig();
    const waiting = start();
    await logged(/node guest: NotFound/);
    context.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("a pod that nobody expects keeps it waiting and is named", async () => {
    writeKubeconfig();
    const stray = renderPod("stray");
    stray.status["conditions"] = [renderCondition("Ready", "False", "ContainersNotReady", "not today")];
    api.put(renderNode("guest"), ...renderDeployment("coredns"), stray);
    const waiting = start();
    await logged(/pod kube-system\/stray: ContainersNotReady/);
    context.advance(LONG_MS);
    const outcome = await waiting;
    expect(outcome.outcome).toBe("not-ready");
    expect(outcome.checks.find((check) => check.name === "every other pod of kube-system")).toMatchObject({
      outcome: "failed",
      message: expect.stringContaining("pod kube-system/stray") as string,
    });
  });
});
