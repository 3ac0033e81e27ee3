import type { Architecture } from "../../tools/machine/machine-spec.ts";

/** What the parts of a testbed need to know about one architecture. */
export interface TestbedArchitecture {
  readonly arch: Architecture;
  /** OE-core's machine of that architecture; the deploy folder is named as its would be. */
  readonly machine: string;
  /** Debian's name of the architecture. */
  readonly debian: "amd64" | "arm64" | "armhf";
  /** "package", or "package/release" where it is not to come from the guest's own Debian release (SUITE in plan-rootfs.ts). */
  readonly kernelPackage: string;
  /** KERNEL_IMAGETYPE of OE-core's machine: the name of the kernel in the deploy folder. */
  readonly kernelImageType: string;
  /** Go's GOARCH, also what OCI image configurations call it. */
  readonly goArch: "amd64" | "arm64" | "arm";
  /** OCI image-spec `variant`, where the architecture has some. */
  readonly ociVariant?: string;
  /** The architecture's name in `uname -m` and in qemu-user's programs. */
  readonly unameMachines: readonly string[];
  readonly qemuUser: string;
  /** GNU triplet of Debian's C compiler for it, native or cross. */
  readonly gnuTriplet: string;
  /** Modules that the initial RAM disk loads, in this order, before it can mount the root filesystem. */
  readonly initrdModules: readonly string[];
  readonly serialConsole: string;
  /** Asset of a k3s release, and its sha256 for v1.36.3+k3s1 as recorded by several independent projects; undefined where none is known. */
  readonly k3sAsset: string;
  readonly k3sSha256: string | undefined;
  /** Keys of OE-core's qemuboot.bbclass whose values differ by architecture. */
  readonly qemuboot: {
    readonly systemName: string;
    readonly machine: string;
    readonly cpu: string;
    readonly cpuKvm: string;
    readonly networkDevice: string;
    readonly rootfsOpt: string;
    readonly rng: string;
    /** Kernel options that this architecture alone takes. */
    readonly commandLine: readonly string[];
  };
}

const PCI = {
  networkDevice: "-device virtio-net-pci,netdev=net0,mac=@MAC@",
  rootfsOpt: "-drive id=disk0,file=@ROOTFS@,if=none,format=raw -device virtio-blk-pci,drive=disk0",
  rng: "-object rng-random,filename=/dev/urandom,id=rng0 -device virtio-rng-pci,rng=rng0",
  commandLine: [],
};

const MMIO = {
  networkDevice: "-device virtio-net-device,netdev=net0,mac=@MAC@",
  rootfsOpt: "-drive id=disk0,file=@ROOTFS@,if=none,format=raw -device virtio-blk-device,drive=disk0",
  rng: "-object rng-random,filename=/dev/urandom,id=rng0 -device virtio-rng-device,rng=rng0",
  commandLine: [],
};

const ARCHITECTURES: Readonly<Record<Architecture, TestbedArchitecture>> = {
  x86_64: {
    arch: "x86_64",
    machine: "qemux86-64",
    debian: "amd64",
    kernelPackage: "linux-image-cloud-amd64",
    kernelImageType: "bzImage",
    goArch: "amd64",
    unameMachines: ["x86_64"],
    qemuUser: "qemu-x86_64",
    gnuTriplet: "x86_64-linux-gnu",
    initrdModules: ["virtio_blk"],
    serialConsole: "ttyS0,115200",
    k3sAsset: "k3s",
    k3sSha256: "2f98a9f8fe5782479ee2d54e70a1b10a7f6fd4cae8d38ed3098452dc6eed76b5",
    qemuboot: {
      systemName: "qemu-system-x86_64",
      machine: "-machine q35,i8042=off",
      // Without 5-level page tables, whose one level more is walked at each TLB miss, and the guards whose switches end a translated block.
      cpu: "-cpu max,-la57,-smap,-smep,-umip,-pku",
      cpuKvm: "-cpu host",
      ...PCI,
      // As OE-core's qemuboot-x86.inc: the emulated timers are too coarse to check one against the other on a busy host.
      commandLine: ["tsc=reliable", "no_timer_check"],
    },
  },
  aarch64: {
    arch: "aarch64",
    machine: "qemuarm64",
    debian: "arm64",
    kernelPackage: "linux-image-cloud-arm64",
    kernelImageType: "Image",
    goArch: "arm64",
    ociVariant: "v8",
    unameMachines: ["aarch64"],
    qemuUser: "qemu-aarch64",
    gnuTriplet: "aarch64-linux-gnu",
    initrdModules: ["virtio_blk"],
    serialConsole: "ttyAMA0,115200",
    k3sAsset: "k3s-arm64",
    k3sSha256: "c9a209103f480f163b7c6a56f00862b4481927b284dc29a3716bb70d886691a8",
    qemuboot: { systemName: "qemu-system-aarch64", machine: "-machine virt", cpu: "-cpu cortex-a72", cpuKvm: "-cpu host", ...PCI },
  },
  arm: {
    arch: "arm",
    machine: "qemuarm",
    debian: "armhf",
    // Kernels since 6.10 forbid themselves the user's memory by writing TTBCR twice at each entry (CONFIG_CPU_TTBR0_PAN), at which QEMU
    // throws its whole TLB away (vmsa_ttbcr_write in target/arm/helper.c). Debian 12's has no such thing with LPAE.
    kernelPackage: "linux-image-armmp-lpae/bookworm",
    kernelImageType: "zImage",
    goArch: "arm",
    ociVariant: "v7",
    unameMachines: ["armv7l", "armv8l"],
    qemuUser: "qemu-arm",
    gnuTriplet: "arm-linux-gnueabihf",
    // The armmp kernel is built for boards: everything that a virtual one has is a module. ext4 asks for a crc32c by name when it mounts
    // (modules.softdep: crypto-crc32c); the generic one runs on every processor.
    initrdModules: ["virtio_mmio", "virtio_blk", "crc32c_generic", "ext4"],
    serialConsole: "ttyAMA0,115200",
    k3sAsset: "k3s-armhf",
    k3sSha256: undefined,
    qemuboot: { systemName: "qemu-system-arm", machine: "-machine virt,highmem=off", cpu: "-cpu cortex-a15", cpuKvm: "", ...MMIO },
  },
};

/** What a testbed of that architecture is made of. */
export function planArchitecture(arch: Architecture): TestbedArchitecture {
  return ARCHITECTURES[arch];
}
