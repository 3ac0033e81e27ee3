import type { TestbedArchitecture } from "./plan-architecture.ts";

const COMMAND_LINE = [
  "net.ifnames=0",
  // Notices and worse: enough to see the kernel start and die, without seconds of emulated serial line.
  "loglevel=6",
  "systemd.show_status=1",
  "systemd.log_color=0",
  // A log file answers no questions about its size and needs no colours.
  "systemd.tty.term.console=dumb",
  "systemd.firstboot=0",
  "systemd.ssh_auto=0",
  // As a Yocto kernel is: neither AppArmor, whose profiles would have to be parsed, nor SELinux, which would ask at each call without a policy.
  "apparmor=0",
  "selinux=0",
  "lsm=capability",
  "audit=0",
  "cryptomgr.notests",
  // OE-core's machines boot with it too: network namespaces come and go in a tenth of the time.
  "rcupdate.rcu_expedited=1",
  // An emulated CPU has no secrets to leak and pays for each guard.
  "mitigations=off",
  // QEMU empties its whole TLB when a page inside a huge one is unmapped (tcg: large_page_addr), and programs in Go unmap all the time.
  "transparent_hugepage=never",
  "init_on_alloc=0",
  "preempt=none",
  // Go's scheduler sleeps for microseconds at a time, each of which would be an interrupt of its own: a third of what an emulated node does until it
  // is Ready. At the tick's four milliseconds they share one (Documentation/admin-guide/kernel-parameters.txt: highres).
  "highres=off",
  // Code found at the same address again need not be translated again.
  "norandmaps",
];

/**
 * The testbed's *.qemuboot.conf, as OE-core's qemuboot.bbclass writes them: section config_bsp, key = value, paths relative to the file.
 * A Debian kernel needs an initial RAM disk, for which runqemu has no key of its own; it puts the deploy folder in the place of
 * @DEPLOY_DIR_IMAGE@ in QB_OPT_APPEND (scripts/runqemu, setup_final), so that is where it is named. net.ifnames=0 stands where "ip=dhcp" would:
 * the guest's own systemd-networkd asks for an address.
 */
export function renderQemuboot(options: {
  architecture: TestbedArchitecture;
  imageName: string;
  initrdName: string;
  memoryMib: number;
  cpus: number;
  /** Folder with the QEMU to use, relative to the file: STAGING_BINDIR_NATIVE. */
  programs: string;
}): string {
  const { architecture, imageName } = options;
  const { qemuboot } = architecture;
  const values: Record<string, string> = {
    deploy_dir_image: ".",
    image_link_name: imageName,
    image_name: imageName,
    kernel_imagetype: architecture.kernelImageType,
    machine: architecture.machine,
    qb_cmdline_ip_slirp: "net.ifnames=0",
    qb_cpu: qemuboot.cpu,
    qb_cpu_kvm: qemuboot.cpuKvm,
    qb_default_fstype: "ext4",
    qb_default_kernel: architecture.kernelImageType,
    qb_drive_type: "/dev/vd",
    qb_graphics: "",
    qb_kernel_cmdline_append: [`console=${architecture.serialConsole}`, ...COMMAND_LINE, ...architecture.qemuboot.commandLine].join(
      " ",
    ),
    qb_kernel_root: "/dev/vda",
    qb_machine: qemuboot.machine,
    qb_mem: `-m ${options.memoryMib}`,
    qb_network_device: qemuboot.networkDevice,
    qb_opt_append: `-initrd @DEPLOY_DIR_IMAGE@/${options.initrdName}`,
    qb_rng: qemuboot.rng,
    qb_rootfs_opt: qemuboot.rootfsOpt,
    qb_serial_opt: "-serial mon:stdio",
    qb_smp: `-smp ${options.cpus}`,
    qb_system_name: qemuboot.systemName,
    serial_consoles: `115200;${architecture.serialConsole.replace(/,.*/u, "")}`,
    staging_bindir_native: options.programs,
    tune_arch: architecture.arch,
  };
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}`);
  return `[config_bsp]\n${lines.join("\n")}\n`;
}
