import { formatQemuboot } from "./format-qemuboot.ts";
import type { MachinePlan } from "./machine.ts";
import { formatShellWord } from "./parse-shell-words.ts";
import type { RunFiles } from "./plan-qemu-argv.ts";
import { formatTcg, formatUserNetwork, planCommonArgv } from "./plan-qemu-argv.ts";

/** How to call runqemu: its arguments, what to add to its environment, and the qemuboot.conf to give it. */
export interface RunqemuPlan {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Content for `confPath`: the image's own file with the root disk replaced by the overlay. */
  readonly conf: string;
}

export interface RunqemuInput {
  readonly plan: MachinePlan;
  readonly files: RunFiles;
  /** QB_… and the other values of the image's qemuboot.conf, keys in upper case, relative paths resolved. */
  readonly values: Readonly<Record<string, string>>;
  readonly runqemuPath: string;
  /** Where the conf is written. */
  readonly confPath: string;
  /** Folder whose usr/bin/qemu-system-* runqemu is to start. */
  readonly sysroot: string;
  /** The kernel under a path without blanks, because runqemu splits its command line at them. */
  readonly kernelPath: string | undefined;
}

/** Keys that runqemu looks up in the conf before anything else, and that the plan decides. */
function overrides(input: RunqemuInput): Record<string, string> {
  const { plan } = input;
  const { spec } = plan;
  const [root] = input.files.disks;
  const disk = root === undefined ? "" : `-drive id=root,if=none,file=@ROOTFS@,format=${root.format},cache=${root.cache}`;
  const controller = spec.diskDevice === "scsi-hd" ? "-device virtio-scsi-pci,id=scsi0 " : "";
  return {
    QB_CPU: `-cpu ${spec.qemuCpu}`,
    QB_CPU_KVM: `-cpu ${spec.qemuCpu}`,
    QB_MACHINE: `-machine ${spec.qemuMachine}`,
    QB_MEM: `-m ${spec.memoryMib}`,
    QB_SMP: `-smp ${spec.cpus}`,
    // For wic images runqemu ignores QB_ROOTFS_OPT, so all images go the way of a plain file system, with the disk as planned.
    QB_DEFAULT_FSTYPE: "ext4",
    QB_ROOTFS_OPT: `${disk} ${controller}-device ${spec.diskDevice},drive=root`,
    // runqemu counts decimal ports up from the one given while they are taken, and so cannot be asked for any free one; "0x0", which it does
    // not take for a port, is QEMU's "any".
    QB_SLIRP_OPT: `-netdev ${formatUserNetwork(spec, "0x0")}`,
    ...(spec.kernelPath === undefined ? { QB_DEFAULT_KERNEL: "none" } : {}),
  };
}

/** The part of the kernel's command line that runqemu does not make itself. */
function bootParameters(input: RunqemuInput): string {
  const ours = input.plan.spec.kernelCommandLine.split(" ");
  const theirs = (input.values["QB_KERNEL_CMDLINE_APPEND"] ?? "").split(/\s+/u);
  return ours.filter((word) => !theirs.includes(word) && !/^(?:root=|ip=|rw$|ro$)/u.test(word)).join(" ");
}

/**
 * Plans a call of OE-core's scripts/runqemu (read: wrynose). It gets a copy of the image's qemuboot.conf whose disk is the overlay, so
 * that the image stays as it is and the disk has room; OECORE_NATIVE_SYSROOT names the QEMU to run and keeps runqemu from calling
 * bitbake; memory is always in MiB, because it cuts "4G" to 4.
 */
export function planRunqemu(input: RunqemuInput): RunqemuPlan {
  const { plan, files } = input;
  const [root] = files.disks;
  const parameters = planCommonArgv(plan.spec, files).map(formatShellWord).join(" ");
  return {
    argv: [
      input.runqemuPath,
      input.confPath,
      "nographic",
      "slirp",
      ...(plan.accelerator.kind === "kvm" ? ["kvm"] : []),
      `qemuparams=${plan.accelerator.kind === "kvm" ? "" : `-accel ${formatTcg(plan.spec)} `}-monitor none -m ${plan.spec.memoryMib} ${parameters}`,
      `bootparams=${bootParameters(input)}`,
    ],
    env: {
      OECORE_NATIVE_SYSROOT: input.sysroot,
      ROOTFS: root?.path ?? "",
      ...(input.kernelPath === undefined ? {} : { KERNEL: input.kernelPath }),
    },
    conf: formatQemuboot({ ...input.values, ...overrides(input) }),
  };
}
