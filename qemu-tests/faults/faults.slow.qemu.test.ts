import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runBootTest } from "../../tools/boot-test/run-boot-test.ts";
import type { BootTestOptions, BootTestResult } from "../../tools/boot-test/boot-test.ts";
import type { MachineOptions } from "../../tools/machine/plan-machine.ts";
import { listQemu } from "../harness/list-qemu.ts";
import { openOwnContext } from "../harness/open-own-context.ts";
import { openTestContext, type TestContext } from "../harness/open-test-context.ts";
import { giveConfig, plantBeforeK3s } from "../harness/plant-fault.ts";
import { keepResults } from "../results/keep-results.ts";
import { buildTestbed, type TestbedImage } from "../testbed/build-testbed.ts";

let image: TestbedImage;
let bench: TestContext;

beforeAll(async () => {
  await using building = await openTestContext();
  image = await buildTestbed(building.ctx, { arch: "x86_64" });
});
keepResults();
beforeEach(async () => {
  bench = await openOwnContext();
});

function boot(machine: MachineOptions, options: Partial<BootTestOptions> = {}): Promise<BootTestResult> {
  return runBootTest(bench.ctx, {
    path: image.qemubootPath,
    launcher: "qemu",
    machine,
    command: "fault test",
    timeoutMs: 720_000,
    stabilityMs: 10_000,
    ...options,
  });
}

/** Every bad verdict has the words, the code and the exit code, and a report that holds them. */
async function expectFailure(
  result: BootTestResult,
  expected: { code: string; exitCode: number; words: RegExp; hint?: RegExp },
): Promise<void> {
  const { verdict } = result.record;
  const problem = verdict.problems.find((candidate) => candidate.code === expected.code);
  expect(problem, `no problem ${expected.code} in ${JSON.stringify(verdict.problems)}`).toBeDefined();
  expect(`${problem?.subject} ${problem?.message}`).toMatch(expected.words);
  expect(problem?.hint ?? "").toMatch(expected.hint ?? /./);
  expect(verdict.exitCode).toBe(expected.exitCode);
  expect(verdict.outcome).not.toBe("ready");
  expect(await readFile(join(result.runFolder, "junit.xml"), "utf8")).toMatch(/<(failure|error)/);
  expect(existsSync(join(result.runFolder, "index.html"))).toBe(true);
  expect(existsSync(join(result.runFolder, "console.log"))).toBe(true);
}

describe("the guest fails", () => {
  test("its kernel panics", async () => {
    const result = await boot({ kernelArguments: ["init=/bin/false"] });
    await expectFailure(result, { code: "KERNEL_PANIC", exitCode: 6, words: /panic/ });
    expect(result.record.durationMs).toBeLessThan(120_000);
  });

  test("QEMU is killed from outside", async () => {
    const running = boot({});
    await expect.poll(() => bench.log(), { timeout: 120_000, interval: 500 }).toMatch(/SSH is up/);
    const [pid] = await listQemu(bench.folder);
    process.kill(pid ?? 0, "SIGKILL");
    await expectFailure(await running, { code: "MACHINE_KILLED", exitCode: 6, words: /QEMU was killed/ });
  });

  test("256 MiB of memory: that it is out of memory is named, with the advice", async () => {
    const result = await boot({ memoryMib: 256 });
    // Whether the kernel kills somebody or drops programs' pages over and over is a matter of a few MiB.
    const code = result.record.verdict.problems[0]?.code === "OOM_KILL" ? "OOM_KILL" : "MEMORY_THRASHING";
    await expectFailure(result, { code, exitCode: 6, words: /out of memory/, hint: /2048/ });
  });

  test("the disk is full", async () => {
    const fill = 'fallocate -l "$(($(stat -f -c "%a*%S" /) - 8388608))" /fill || dd if=/dev/zero of=/fill bs=1M';
    const result = await boot({ handOver: plantBeforeK3s(`${fill}; true`) });
    await expectFailure(result, { code: "DISK_FULL", exitCode: 6, words: /full/ });
  });

  test("k3s's unit fails", async () => {
    const content = "[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n";
    const result = await boot({ handOver: { credentials: [{ name: "systemd.unit-dropin.k3s.service", content }] } });
    await expectFailure(result, { code: "UNIT_FAILED", exitCode: 6, words: /k3s\.service/ });
  });

  test("the guest powers itself off", async () => {
    const result = await boot({ handOver: plantBeforeK3s("systemctl poweroff --force --force") });
    await expectFailure(result, { code: "MACHINE_POWERED_OFF", exitCode: 6, words: /powered itself off/ });
  });
});

describe("the guest cannot be reached", () => {
  test("SSH never comes up: not Ready within the time, and what was seen instead", async () => {
    const result = await boot({ kernelArguments: ["systemd.mask=ssh.service", "systemd.mask=ssh.socket"] }, { timeoutMs: 120_000 });
    await expectFailure(result, { code: "TIMEOUT", exitCode: 5, words: /SSH/i });
  });

  test("a wrong key is refused at once, not waited out", async () => {
    const keyPath = join(bench.folder, "other-key");
    await bench.ctx.exec.runCheck(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keyPath]);
    const result = await boot({ sshKeyPath: keyPath });
    await expectFailure(result, { code: "SSH_AUTH", exitCode: 6, words: /refuses the key/ });
  });
});

describe("the cluster is not Ready", () => {
  const images = "/var/lib/rancher/k3s/agent/images";

  test("an airgap image is missing", async () => {
    const result = await boot({ handOver: plantBeforeK3s(`rm -f ${images}/*coredns*`), restrictNetwork: true });
    await expectFailure(result, { code: "IMAGE_PULL", exitCode: 6, words: /coredns/ });
  });

  test("an airgap image is corrupt", async () => {
    const result = await boot({
      handOver: plantBeforeK3s(`for f in ${images}/*coredns*; do head -c 100000 "$f" >/cut && mv /cut "$f"; done`),
      restrictNetwork: true,
    });
    await expectFailure(result, { code: "IMAGE_PULL", exitCode: 6, words: /coredns/ });
  });

  test("a pod crash-loops", async () => {
    const manifest = `apiVersion: v1
kind: Pod
metadata: { name: crasher, namespace: kube-system }
spec:
  containers:
    - name: crasher
      image: docker.io/rancher/mirrored-library-busybox:1.37.0
      imagePullPolicy: IfNotPresent
      command: ["sh", "-c", "echo the reason why; exit 3"]
`;
    const result = await boot({
      handOver: { files: [{ path: "/var/lib/rancher/k3s/server/manifests/crasher.yaml", mode: "0644", content: manifest }] },
    });
    await expectFailure(result, { code: "POD_CRASH_LOOPING", exitCode: 6, words: /crasher/ });
  });

  test("the node stays NotReady for want of its network", async () => {
    const result = await boot({ handOver: giveConfig("flannel-backend: none\n") });
    await expectFailure(result, { code: "TIMEOUT", exitCode: 5, words: /node k3s-testbed.*(network|cni)/is });
  });

  test("a CNI plugin is missing, and is named", async () => {
    const result = await boot({ handOver: plantBeforeK3s("rm -f /usr/libexec/k3s/bridge") });
    await expectFailure(result, { code: "CNI_PLUGIN_MISSING", exitCode: 6, words: /bridge/ });
  });

  test("the clock is wrong, and the verdict says so", async () => {
    const result = await boot({ rtcBase: "2040-01-01T00:00:00" });
    await expectFailure(result, { code: "CLOCK_WRONG", exitCode: 6, words: /clock/, hint: /k3s-clean/ });
  });
});
