import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../core/context.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import type { Architecture } from "./machine-spec.ts";
import type { KvmVerdict } from "./plan-machine.ts";
import type { HostFacts } from "./read-host-facts.ts";
import type { ImageFiles } from "./read-qemuboot.ts";

/** A kernel without a root disk panics within a second or two of real KVM; a busy host gets more. */
const DEADLINE_MS = 20_000;
/** Longest silence on the console. Where KVM only seems to be there, guests say nothing at all, or stop in the middle. */
const SILENCE_MS = 4000;

const verdictSchema = z.object({ usable: z.boolean(), reason: z.string() });

/** Where verdicts are kept: one file for each kernel, QEMU and boot of the host. */
async function cachePath(ctx: Pick<Context, "env">, options: { kernelPath: string; qemu: string }): Promise<string> {
  const { size, mtimeMs } = await stat(options.kernelPath);
  const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const key = createHash("sha256")
    .update(JSON.stringify([options.kernelPath, size, mtimeMs, options.qemu, bootId]))
    .digest("hex");
  const cache = ctx.env["XDG_CACHE_HOME"] ?? join(ctx.env["HOME"] ?? "/root", ".cache");
  return join(cache, "meta-k3s", "kvm", `${key.slice(0, 32)}.json`);
}

async function readVerdict(path: string): Promise<KvmVerdict | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return verdictSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function planProbeArgv(options: { image: ImageFiles; qemuPath: string; kernelPath: string }): string[] {
  const { arch, consoles, qemuMachine, qemuCpu, qemuCpuKvm } = options.image.qemuboot;
  const cpu = arch === "x86_64" ? (qemuCpuKvm ?? qemuCpu) : "host";
  const port = consoles[0] ?? "ttyS0";
  const early = arch === "x86_64" ? `earlyprintk=serial,${port}` : "earlycon";
  return [
    // exec.run does not tie the child's life to this tool's, so the host's kernel is asked to.
    ..."setpriv --pdeathsig KILL --".split(" "),
    options.qemuPath,
    ..."-nodefaults -display none -no-reboot -accel kvm -m 256 -smp 2 -serial stdio".split(" "),
    "-machine",
    qemuMachine,
    "-cpu",
    cpu,
    "-kernel",
    options.kernelPath,
    "-append",
    `console=${port} ${early} panic=-1`,
  ];
}

/** Boots the kernel with nothing else and watches it come as far as the panic for want of a root file system. */
async function runGuest(ctx: Context, options: { image: ImageFiles; qemuPath: string; kernelPath: string }): Promise<KvmVerdict> {
  const over = new AbortController();
  const startMs = ctx.clock.monotonicMs();
  let lastLineMs = startMs;
  let lines = 0;
  let finished = false;
  const seconds = (): string => ((ctx.clock.monotonicMs() - startMs) / 1000).toFixed(1);

  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await ctx.clock.sleep(200, over.signal).catch(() => undefined);
      if (ctx.clock.monotonicMs() - lastLineMs > SILENCE_MS || ctx.clock.monotonicMs() - startMs > DEADLINE_MS) over.abort();
    }
  };
  const watching = watch();
  const result = await ctx.exec.run(planProbeArgv(options), {
    signal: over.signal,
    onLine: (line) => {
      lastLineMs = ctx.clock.monotonicMs();
      lines += 1;
      if (/Kernel panic - not syncing: VFS|Unable to mount root fs|No working init found/u.test(line)) {
        finished = true;
        over.abort();
      }
    },
  });
  const tookS = seconds();
  over.abort();
  await watching;
  if (finished) return { usable: true, reason: `a guest ran under KVM (tried: ${tookS} s)` };
  const refusal = result.stderr.split("\n").find((line) => line.includes("qemu-system"));
  if (refusal !== undefined)
    return { usable: false, reason: `QEMU cannot use KVM here (${refusal.replace(/^.*?: /u, "").trim()})` };
  return {
    usable: false,
    reason: `/dev/kvm is there, but a guest does not run under it (${lines === 0 ? "it printed nothing" : `it stopped after ${lines} lines`}, tried for ${tookS} s)`,
  };
}

function hostRuns(hostArch: string, arch: Architecture): boolean {
  return hostArch === arch;
}

/**
 * Finds out whether KVM really works here: on some nested and para-virtual hosts /dev/kvm opens and guests hang. So the very kernel about
 * to be used is booted under it, with a deadline. The verdict is kept in the cache folder for this kernel, QEMU and boot of the host.
 * Never throws but AbortedError: no KVM is a verdict.
 */
export async function probeKvm(ctx: Context, options: { image: ImageFiles; host: HostFacts }): Promise<KvmVerdict> {
  const { image, host } = options;
  const { arch } = image.qemuboot;
  if (!hostRuns(host.arch, arch)) return { usable: false, reason: `an ${arch} guest on an ${host.arch} host is emulated` };
  if (host.qemu === undefined || image.kernelPath === undefined)
    return { usable: false, reason: "KVM could not be tried without a kernel of its own" };
  const denied = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined),
  );
  if (denied === "ENOENT") return { usable: false, reason: "there is no /dev/kvm" };
  if (denied !== undefined)
    return { usable: false, reason: "this user may not use /dev/kvm (cure: sudo usermod -aG kvm $USER, then log in again)" };

  const path = await cachePath(ctx, {
    kernelPath: image.kernelPath,
    qemu: `${host.qemu.path} ${JSON.stringify(host.qemu.version)}`,
  });
  const known = await readVerdict(path);
  if (known !== undefined) return known;
  ctx.log.info("trying whether a guest runs under KVM (once per kernel and boot of this host)");
  const verdict = await runGuest(ctx, { image, qemuPath: host.qemu.path, kernelPath: image.kernelPath });
  await writeFileAtomic(path, `${JSON.stringify(verdict)}\n`);
  return verdict;
}
