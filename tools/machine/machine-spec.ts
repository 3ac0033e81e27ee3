/** The architectures that the layer and the testbed know, in the words of QEMU's system emulators. */
export type Architecture = "x86_64" | "aarch64" | "arm";

/**
 * QEMU's -drive cache= modes. "unsafe" ignores the guest's flushes: fastest, and right for an overlay that is thrown away. With "writeback"
 * flushes reach the file, and a QEMU that is killed loses what its qcow2 layer had not yet been told to flush.
 */
export type DiskCache = "unsafe" | "writeback" | "none" | "writethrough" | "directsync";

/** A disk of the guest, as virtio block device in the order given. */
export interface DiskSpec {
  readonly path: string;
  readonly format: "raw" | "qcow2";
  /** "overlay": changes go to a qcow2 beside the run and never to the file; "direct": changes stay in the file. */
  readonly writes: "overlay" | "direct";
  readonly cache: DiskCache;
}

/** An empty disk made for the run. */
export interface BlankDiskSpec {
  readonly blankMib: number;
  readonly cache: DiskCache;
}

/** A network card beside the one that SSH uses, for machines that talk to each other. */
export interface NetworkSpec {
  /**
   * QEMU -netdev value without its id: "socket,mcast=230.0.0.1:4321,localaddr=127.0.0.1", "stream,server=on,addr.type=unix,addr.path=…".
   */
  readonly netdev: string;
  /** "52:54:00:…", unique on that network. */
  readonly mac: string;
}

/** A machine to boot: everything that the launchers need, nothing that depends on the host. */
export interface MachineSpec {
  /** Short and unique in a run; shown in messages and reports. */
  readonly name: string;
  readonly arch: Architecture;
  /** The qemuboot.conf that this came from. */
  readonly qemubootPath: string;
  /** Undefined when the disk brings its own boot loader (a wic image). */
  readonly kernelPath: string | undefined;
  readonly initrdPath: string | undefined;
  /** Empty when there is no kernelPath. */
  readonly kernelCommandLine: string;
  /** QEMU -machine and -cpu values. */
  readonly qemuMachine: string;
  readonly qemuCpu: string;
  /** MiB, always; QEMU and runqemu disagree on what "4G" means. */
  readonly memoryMib: number;
  readonly cpus: number;
  /** QEMU's tb-size under emulation, MiB; undefined for its own default. */
  readonly translationMib: number | undefined;
  readonly rootDisk: DiskSpec;
  /** Size that the root disk's overlay is grown to, MiB. */
  readonly rootDiskMib: number;
  /** QEMU's device for disks: "virtio-blk-pci", on boards without PCI "virtio-blk-device", for wic images "scsi-hd". */
  readonly diskDevice: "virtio-blk-pci" | "virtio-blk-device" | "scsi-hd";
  readonly dataDisks: readonly (DiskSpec | BlankDiskSpec)[];
  /** QEMU -device value of the first network card, its MAC address in place. */
  readonly networkDevice: string;
  readonly networks: readonly NetworkSpec[];
  /** Port on 127.0.0.1 that leads to the guest's port 22; undefined lets QEMU choose one, which cannot collide. */
  readonly sshPort: number | undefined;
  /** True cuts the guest off from the outside: no route, no resolver; SSH from the host still works. */
  readonly restrictNetwork: boolean;
  /** QEMU -rtc base: "utc" or a UTC time such as "1970-01-01T00:00:00". */
  readonly rtcBase: string;
  /** False: a guest that reboots ends the machine, as `poweredOff` does. */
  readonly allowReboot: boolean;
  /** Other QEMU arguments that the qemuboot.conf asks for (QB_OPT_APPEND, QB_RNG, QB_SERIAL_OPT), already split. */
  readonly extraArguments: readonly string[];
}
