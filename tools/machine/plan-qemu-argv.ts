import { ConfigError } from "../core/errors.ts";
import type { Accelerator } from "./machine.ts";
import type { DiskCache, MachineSpec } from "./machine-spec.ts";

/** Files and sockets of one run that QEMU is given. */
export interface RunFiles {
  /** Root disk first, in the order of the spec; overlays and blank disks are qcow2. */
  readonly disks: readonly { readonly path: string; readonly format: "raw" | "qcow2"; readonly cache: DiskCache }[];
  /** Sockets on which the tool listens; QEMU connects to them before the guest runs. */
  readonly qmpSocketPath: string;
  readonly consoleSocketPath: string;
  readonly consolePath: string;
  readonly credentials: readonly GuestCredential[];
  /** A raw disk that is only read, with credentials for a guest that is given none by QEMU (plan-hand-over-disk.ts). */
  readonly handOverDisk: string | undefined;
}

/** A systemd credential (systemd.system-credentials(7)) in a file. */
export interface GuestCredential {
  readonly name: string;
  readonly path: string;
  /** The same as SMBIOS type 11 string, for x86 kernels without fw_cfg in sysfs. */
  readonly smbiosPath: string;
}

/** A value inside a QEMU option list: a comma is doubled. */
export function formatOptionValue(value: string): string {
  return value.replaceAll(",", ",,");
}

/** The -netdev that carries SSH; without a port QEMU asks the kernel for a free one, which cannot collide. */
export function formatUserNetwork(spec: Pick<MachineSpec, "sshPort" | "restrictNetwork">, anyPort = "0"): string {
  return `user,id=net0,hostfwd=tcp:127.0.0.1:${spec.sshPort ?? anyPort}-:22${spec.restrictNetwork ? ",restrict=on" : ""}`;
}

/** QEMU takes fw_cfg names of up to 55 characters (FW_CFG_MAX_FILE_PATH with its final zero). */
const FW_CFG_NAME_MAX = 55;

function planCredentialArgv(spec: MachineSpec, credential: GuestCredential): string[] {
  const name = `opt/io.systemd.credentials/${credential.name}`;
  const fits = name.length <= FW_CFG_NAME_MAX;
  if (!fits && spec.arch !== "x86_64") {
    throw new ConfigError(`an ${spec.arch} guest takes no credential with so long a name: ${credential.name}`, {
      hint: `use a name of at most ${FW_CFG_NAME_MAX - name.length + credential.name.length} characters, or hand over a file`,
    });
  }
  return [
    ...(fits ? ["-fw_cfg", `name=${name},file=${formatOptionValue(credential.path)}`] : []),
    ...(spec.arch === "x86_64" ? ["-smbios", `type=11,path=${formatOptionValue(credential.smbiosPath)}`] : []),
  ];
}

/** Options that both launchers give QEMU: control socket, console, clock, data disks, networks, credentials, reboot. */
export function planCommonArgv(spec: MachineSpec, files: RunFiles): string[] {
  const console = `socket,id=tty0,path=${formatOptionValue(files.consoleSocketPath)},logfile=${formatOptionValue(files.consolePath)}`;
  return [
    "-name",
    formatOptionValue(spec.name),
    "-chardev",
    `socket,id=qmp0,path=${formatOptionValue(files.qmpSocketPath)}`,
    "-mon",
    "chardev=qmp0,mode=control",
    "-chardev",
    console,
    "-serial",
    "chardev:tty0",
    // Yocto's machines start a login on a second serial line; it must exist.
    ...(spec.arch === "x86_64" ? ["-serial", "null"] : []),
    "-rtc",
    `base=${spec.rtcBase}`,
    ...(spec.allowReboot ? [] : ["-no-reboot"]),
    ...files.disks
      .slice(1)
      .flatMap((disk, index) => [
        "-drive",
        `if=none,id=data${index},file=${formatOptionValue(disk.path)},format=${disk.format},cache=${disk.cache}`,
        "-device",
        `${spec.diskDevice === "scsi-hd" ? "virtio-blk-pci" : spec.diskDevice},drive=data${index}`,
      ]),
    ...spec.networks.flatMap((network, index) => {
      const [kind = "", ...rest] = network.netdev.split(",");
      const device = spec.networkDevice.split(",")[0] ?? "virtio-net-pci";
      return [
        "-netdev",
        [kind, `id=net${index + 1}`, ...rest].join(","),
        "-device",
        `${device},netdev=net${index + 1},mac=${network.mac}`,
      ];
    }),
    ...files.credentials.flatMap((credential) => planCredentialArgv(spec, credential)),
    // As a SCSI disk, so that it cannot take a virtio disk's name, root's among them; the guest finds it by its label.
    ...(files.handOverDisk === undefined
      ? []
      : [
          "-drive",
          `if=none,id=handover,file=${formatOptionValue(files.handOverDisk)},format=raw,readonly=on`,
          "-device",
          "virtio-scsi-pci,id=handover-bus",
          "-device",
          "scsi-hd,bus=handover-bus.0,drive=handover",
        ]),
  ];
}

/** The -accel of emulation: a thread for each processor. */
export function formatTcg(spec: Pick<MachineSpec, "translationMib">): string {
  return `tcg,thread=multi${spec.translationMib === undefined ? "" : `,tb-size=${spec.translationMib}`}`;
}

/** QEMU's whole command line for the direct launcher. Nothing secret is in it: keys go by file. */
export function planQemuArgv(options: {
  qemuPath: string;
  spec: MachineSpec;
  accelerator: Accelerator;
  files: RunFiles;
}): string[] {
  const { spec, files } = options;
  const [root] = files.disks;
  const rootDrive =
    root === undefined
      ? []
      : ["-drive", `if=none,id=root,file=${formatOptionValue(root.path)},format=${root.format},cache=${root.cache}`];
  const controller = spec.diskDevice === "scsi-hd" ? ["-device", "virtio-scsi-pci,id=scsi0"] : [];
  return [
    options.qemuPath,
    "-nodefaults",
    "-display",
    "none",
    "-machine",
    spec.qemuMachine,
    "-cpu",
    spec.qemuCpu,
    "-accel",
    options.accelerator.kind === "kvm" ? "kvm" : formatTcg(spec),
    "-m",
    String(spec.memoryMib),
    "-smp",
    String(spec.cpus),
    ...(spec.kernelPath === undefined ? [] : ["-kernel", spec.kernelPath, "-append", spec.kernelCommandLine]),
    ...(spec.initrdPath === undefined ? [] : ["-initrd", spec.initrdPath]),
    ...rootDrive,
    ...controller,
    "-device",
    `${spec.diskDevice},drive=root`,
    "-netdev",
    formatUserNetwork(spec),
    "-device",
    spec.networkDevice,
    ...spec.extraArguments,
    ...planCommonArgv(spec, files),
  ];
}
