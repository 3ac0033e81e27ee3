import { ConfigError, PreflightError } from "../core/errors.ts";
import type { Accelerator, GuestAccess, GuestHandOver, MachinePlan } from "./machine.ts";
import type { Architecture, BlankDiskSpec, DiskCache, DiskSpec, MachineSpec, NetworkSpec } from "./machine-spec.ts";
import type { QemuVersion } from "./parse-qemu-version.ts";
import { formatQemuVersion, isAtLeast } from "./parse-qemu-version.ts";
import type { HostFacts } from "./read-host-facts.ts";
import { HAND_OVER_ARGUMENT, takesHandOverDisk } from "./plan-hand-over-disk.ts";
import type { ImageFiles } from "./read-qemuboot.ts";

/** What the user may decide about a machine; everything has a default. */
export interface MachineOptions {
  readonly name?: string | undefined;
  /** MiB. Without it the image's QB_MEM, but at least 2048. */
  readonly memoryMib?: number | undefined;
  /** Without it the image's QB_SMP as far as the host has as many, but at least 2. */
  readonly cpus?: number | undefined;
  /** Room for the guest to grow into, MiB beyond the image; 2048 without it. */
  readonly extraDiskMib?: number | undefined;
  readonly dataDisks?: readonly (DiskSpec | BlankDiskSpec)[] | undefined;
  readonly networks?: readonly NetworkSpec[] | undefined;
  readonly sshPort?: number | undefined;
  readonly restrictNetwork?: boolean | undefined;
  readonly rtcBase?: string | undefined;
  readonly allowReboot?: boolean | undefined;
  readonly diskCache?: DiskCache | undefined;
  readonly kernelArguments?: readonly string[] | undefined;
  /** "auto" takes KVM where it was proved to work. */
  readonly accelerator?: "auto" | "kvm" | "tcg" | undefined;
  readonly sshUser?: string | undefined;
  /** The user's own private key, for images that do not take systemd credentials. */
  readonly sshKeyPath?: string | undefined;
  /** Files and credentials for the guest; not with the user's own key, which means an image that takes none. */
  readonly handOver?: Partial<GuestHandOver> | undefined;
  readonly outputFolder?: string | undefined;
  readonly stateFolder?: string | undefined;
}

/** Whether a guest was seen to run under KVM on this host (probe-kvm.ts), and the reason in words. */
export interface KvmVerdict {
  readonly usable: boolean;
  readonly reason: string;
}

export interface MachinePlanInput {
  readonly image: ImageFiles;
  readonly options: MachineOptions;
  readonly host: HostFacts;
  readonly kvm: KvmVerdict;
}

export const MIN_MEMORY_MIB = 2048;
/** What k3s asks for an agent (docs.k3s.io, requirements). */
const AGENT_MEMORY_MIB = 512;
export const MIN_CPUS = 2;
const EXTRA_DISK_MIB = 2048;
/** First address of runqemu's slirp range, so that both launchers give the guest the same. */
const MAC = "52:54:00:12:35:02";

/** The Debian and Ubuntu package that holds each emulator. */
export const QEMU_PACKAGES: Readonly<Record<Architecture, string>> = {
  x86_64: "qemu-system-x86",
  aarch64: "qemu-system-arm",
  arm: "qemu-system-arm",
};

/** Throws PreflightError that names every missing program with the command that installs it. */
function requirePrograms(host: HostFacts, arch: Architecture): { path: string; version: QemuVersion } {
  const missing = [
    ...(host.qemu === undefined ? [{ name: `qemu-system-${arch}`, pkg: QEMU_PACKAGES[arch] }] : []),
    ...(host.qemuImgPath === undefined ? [{ name: "qemu-img", pkg: "qemu-utils" }] : []),
    ...(host.sshKeygenPath === undefined ? [{ name: "ssh-keygen", pkg: "openssh-client" }] : []),
  ];
  if (missing.length > 0 || host.qemu === undefined) {
    const packages = missing.map((program) => program.pkg).join(" ");
    throw new PreflightError(`not installed or not on PATH: ${missing.map((program) => program.name).join(", ")}`, {
      checks: missing.map((program) => ({ name: program.name, found: "not found", repair: `apt-get install -y ${program.pkg}` })),
      hint: `run ./meta-k3s doctor --install, or: apt-get install -y --no-install-recommends ${packages}`,
    });
  }
  return host.qemu;
}

function planAccelerator(input: MachinePlanInput): Accelerator {
  const wish = input.options.accelerator ?? "auto";
  if (wish === "tcg") return { kind: "tcg", reason: "emulation was asked for" };
  if (input.kvm.usable) return { kind: "kvm", reason: input.kvm.reason };
  if (wish === "kvm") {
    throw new PreflightError(`KVM was asked for, but ${input.kvm.reason}`, {
      checks: [{ name: "KVM", found: input.kvm.reason, repair: undefined }],
      hint: "leave out --accel kvm to run under emulation",
    });
  }
  return { kind: "tcg", reason: input.kvm.reason };
}

/**
 * Processors with these flags copy and clear memory fastest with "rep movsb" and "rep stosb", so kernels use them there; an emulator does them
 * byte by byte. No ABI level (x86-64-v2, -v3) asks for them.
 */
const SLOW_WHEN_EMULATED = "-erms,-fsrm";

/**
 * What an emulated processor needs no shelter from, and what shelters cost there: page tables of its own for the user's side, which x86-64 kernels
 * have on many processors and arm64 ones wherever KASLR is on, make QEMU throw its TLB away at each entry into the kernel. Read:
 * Documentation/admin-guide/kernel-parameters.txt; cpufeature.c of arch/arm64, where "mitigations=off" yields to KASLR and "kpti=off" does not.
 */
const EMULATED_ARGUMENTS: Readonly<Record<Architecture, readonly string[]>> = {
  x86_64: ["mitigations=off"],
  aarch64: ["mitigations=off", "kpti=off"],
  arm: ["mitigations=off"],
};

/**
 * Room for translated code, MiB: a Kubernetes node fills QEMU's 1 GiB within two minutes, and then all of it is thrown away. 2 GiB is QEMU's
 * limit on x86-64 hosts (MAX_CODE_GEN_BUFFER_SIZE in tcg/region.c). Undefined leaves QEMU its own choice, an eighth of a small host's memory.
 */
function planTranslationMib(host: HostFacts): number | undefined {
  return host.arch === "x86_64" && host.memoryAvailableMib >= 12 * 1024 ? 2048 : undefined;
}

interface CpuPlan {
  readonly cpu: string;
  readonly warnings: readonly string[];
}

/**
 * QEMU 7.2 emulates cmpxchg16b wrongly: x86-64 kernels from 6.12 on panic within half a minute. Without the flag the kernel does not use
 * it; but an image whose C library was built for x86-64-v2 or later refuses such a processor.
 */
function planCpu(image: ImageFiles, accelerator: Accelerator, version: QemuVersion): CpuPlan {
  const { arch, qemuCpu, qemuCpuKvm } = image.qemuboot;
  if (accelerator.kind === "kvm") return { cpu: arch === "x86_64" ? (qemuCpuKvm ?? qemuCpu) : "host", warnings: [] };
  const cpu = arch === "x86_64" ? `${qemuCpu},${SLOW_WHEN_EMULATED}` : qemuCpu;
  const faulty = arch === "x86_64" && isAtLeast(version, 7, 2) && !isAtLeast(version, 8, 0);
  if (!faulty || qemuCpu.includes("-cx16") || qemuCpu.includes("cx16=off")) return { cpu, warnings: [] };
  return {
    cpu: `${cpu},-cx16`,
    warnings: [
      `QEMU ${formatQemuVersion(version)} emulates cmpxchg16b wrongly, so the guest's processor goes without it (-cx16); an image built for x86-64-v2 or ` +
        "later will not start like that: install QEMU 8 or newer (Debian 12: apt-get install -t bookworm-backports qemu-system-x86)",
    ],
  };
}

function planCommandLine(image: ImageFiles, options: MachineOptions, accelerator: Accelerator): string {
  const { qemuboot } = image;
  return [
    `root=${qemuboot.kernelRoot}`,
    qemuboot.ipArgument,
    // Before the image's own words, which win where they say otherwise.
    ...(accelerator.kind === "tcg" ? EMULATED_ARGUMENTS[qemuboot.arch] : []),
    qemuboot.kernelArguments,
    // Only the captured one: Linux drives one 8250 port as console, and with ttyS1 named before ttyS0 prints on neither.
    `console=${qemuboot.consoles[0] ?? "ttyS0"}`,
    // A panic ends the machine at once instead of leaving it hanging.
    ...(options.allowReboot === true ? [] : ["panic=-1"]),
    // Grows the root filesystem to the overlay's size; a unit of systemd itself, ignored where it is not installed.
    "systemd.wants=systemd-growfs-root.service",
    ...(options.sshKeyPath === undefined && takesHandOverDisk(qemuboot.arch) ? [HAND_OVER_ARGUMENT] : []),
    ...(options.kernelArguments ?? []),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

function checkAmounts(input: MachinePlanInput, memoryMib: number, cpus: number): string[] {
  const { qemuboot } = input.image;
  const problems: string[] = [];
  if (!Number.isInteger(memoryMib) || memoryMib < 64)
    problems.push(`memory is not a whole number of MiB, at least 64: ${memoryMib}`);
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > 64) problems.push(`processors are not a whole number from 1 to 64: ${cpus}`);
  if (qemuboot.arch === "arm" && memoryMib > 3072) problems.push(`a 32-bit arm machine takes at most 3072 MiB, not ${memoryMib}`);
  const port = input.options.sshPort;
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) problems.push(`no port: ${port}`);
  if (problems.length > 0) throw new ConfigError(`the machine cannot be made as asked: ${problems.join("; ")}`, { problems });

  if (memoryMib > input.host.memoryMib) {
    throw new PreflightError(`the machine wants ${memoryMib} MiB of memory, the host has ${input.host.memoryMib} MiB`, {
      checks: [{ name: "memory", found: `${input.host.memoryMib} MiB`, repair: undefined }],
      hint: `give the machine less: --memory ${Math.max(512, Math.floor(input.host.memoryMib / 2))}`,
    });
  }
  const warnings: string[] = [];
  if (memoryMib > input.host.memoryAvailableMib) {
    warnings.push(
      `the machine gets ${memoryMib} MiB, but only ${input.host.memoryAvailableMib} MiB of the host's memory are free: it may swap or be killed`,
    );
  }
  if (memoryMib < MIN_MEMORY_MIB)
    warnings.push(
      `${memoryMib} MiB of memory, as asked; a k3s server needs about ${MIN_MEMORY_MIB} MiB, an agent ${AGENT_MEMORY_MIB}`,
    );
  return warnings;
}

/**
 * Decides everything about running an image on this host. Throws PreflightError for what the host lacks (QEMU, memory, KVM when insisted
 * on) and ConfigError for options that make no sense.
 */
export function planMachine(input: MachinePlanInput): MachinePlan {
  const { image, options, host } = input;
  const { qemuboot } = image;
  const qemu = requirePrograms(host, qemuboot.arch);
  const memoryMib = options.memoryMib ?? Math.max(MIN_MEMORY_MIB, qemuboot.memoryMib ?? 0);
  const cpus = options.cpus ?? Math.max(MIN_CPUS, Math.min(qemuboot.cpus ?? MIN_CPUS, host.cpus));
  const warnings = checkAmounts(input, memoryMib, cpus);
  if (host.diskFreeMib < EXTRA_DISK_MIB) {
    warnings.push(
      `only ${host.diskFreeMib} MiB are free in ${host.runFolderBase}, where the guest's changes go; set TMPDIR to a bigger place`,
    );
  }

  const accelerator = planAccelerator(input);
  const { cpu, warnings: cpuWarnings } = planCpu(image, accelerator, qemu.version);
  const cache = options.diskCache ?? (options.stateFolder === undefined ? "unsafe" : "writeback");
  const ownLoader = image.kernelPath === undefined;
  const access: GuestAccess =
    options.sshKeyPath === undefined
      ? { kind: "credentials", user: options.sshUser ?? "root" }
      : { kind: "own-key", user: options.sshUser ?? "root", privateKeyPath: options.sshKeyPath };
  const spec: MachineSpec = {
    name: options.name ?? (qemuboot.machine || `qemu-${qemuboot.arch}`),
    arch: qemuboot.arch,
    qemubootPath: image.qemubootPath,
    kernelPath: image.kernelPath,
    initrdPath: image.initrdPath,
    kernelCommandLine: ownLoader ? "" : planCommandLine(image, options, accelerator),
    qemuMachine: qemuboot.qemuMachine,
    qemuCpu: cpu,
    memoryMib,
    cpus,
    translationMib: planTranslationMib(host),
    rootDisk: { path: image.rootfsPath, format: image.rootfsFormat, writes: "overlay", cache },
    rootDiskMib: image.rootfsMib + (options.extraDiskMib ?? EXTRA_DISK_MIB),
    diskDevice: ownLoader && qemuboot.driveType.startsWith("/dev/sd") ? "scsi-hd" : qemuboot.diskDevice,
    dataDisks: options.dataDisks ?? [],
    networkDevice: qemuboot.networkDevice.replaceAll("@MAC@", MAC),
    networks: options.networks ?? [],
    sshPort: options.sshPort,
    restrictNetwork: options.restrictNetwork ?? false,
    rtcBase: options.rtcBase ?? "utc",
    allowReboot: options.allowReboot ?? false,
    extraArguments: qemuboot.extraArguments.map((word) => word.replaceAll("@DEPLOY_DIR_IMAGE@", image.folder)),
  };
  return {
    spec,
    accelerator,
    qemu: { path: qemu.path, version: formatQemuVersion(qemu.version) },
    access,
    handOver: { files: options.handOver?.files ?? [], credentials: options.handOver?.credentials ?? [] },
    outputFolder: options.outputFolder,
    stateFolder: options.stateFolder,
    warnings: [...warnings, ...cpuWarnings],
  };
}
