/** The architectures that the layer and the testbed know, in the words of QEMU's system emulators. */
export type Architecture = "x86_64" | "aarch64" | "arm";

/** A disk of the guest, as virtio block device in the order given. */
export interface DiskSpec {
  readonly path: string;
  readonly format: "raw" | "qcow2";
  /** "overlay": changes go to a temporary qcow2 that is thrown away; "direct": changes stay in the file. */
  readonly writes: "overlay" | "direct";
}

/** A machine to boot: everything that the launchers need, nothing that depends on the host. */
export interface MachineSpec {
  readonly name: string;
  readonly arch: Architecture;
  /** The qemuboot.conf that this came from. */
  readonly qemubootPath: string;
  readonly kernelPath: string;
  readonly initrdPath: string | undefined;
  readonly kernelCommandLine: string;
  /** QEMU -machine and -cpu values. */
  readonly qemuMachine: string;
  readonly qemuCpu: string;
  /** MiB, always; QEMU and runqemu disagree on what "4G" means. */
  readonly memoryMib: number;
  readonly cpus: number;
  readonly rootDisk: DiskSpec;
  /** Size that the root disk's overlay is grown to, MiB. */
  readonly rootDiskMib: number;
  readonly dataDisks: readonly DiskSpec[];
  /** Extra QEMU arguments from QB_OPT_APPEND and the like, already split. */
  readonly extraArguments: readonly string[];
}
