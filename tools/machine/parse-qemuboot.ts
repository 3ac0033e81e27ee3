import { ConfigError } from "../core/errors.ts";
import type { Architecture } from "./machine-spec.ts";
import { parseMemoryMib } from "./parse-memory.ts";
import { parseShellWords } from "./parse-shell-words.ts";

/** What a qemuboot.conf says, in types. Relative values are as they stand in the file; read-qemuboot.ts resolves them. */
export interface Qemuboot {
  /** MACHINE, or "" where the file does not say. */
  readonly machine: string;
  readonly arch: Architecture;
  /** QB_MACHINE and any -machine inside QB_CPU, joined: "q35,i8042=off". */
  readonly qemuMachine: string;
  readonly qemuCpu: string;
  /** QB_CPU_KVM's, where the board has one. */
  readonly qemuCpuKvm: string | undefined;
  readonly memoryMib: number | undefined;
  readonly cpus: number | undefined;
  /** File name of the kernel, or undefined for "none". */
  readonly kernelName: string | undefined;
  readonly kernelImageType: string;
  /** Prefixes of the root filesystem's file name, best first: IMAGE_NAME, IMAGE_LINK_NAME. */
  readonly imageNames: readonly string[];
  readonly fsType: string;
  /** True for wic images that hold only filesystems, so that the kernel comes from outside (QB_FSINFO wic:no-kernel-in-fs). */
  readonly wicNeedsKernel: boolean;
  /** QB_KERNEL_ROOT with " rw" or " ro": "/dev/vda rw". */
  readonly kernelRoot: string;
  readonly kernelArguments: string;
  readonly ipArgument: string;
  /** Console devices, first the one that is captured: ["ttyS0", "ttyS1"]. */
  readonly consoles: readonly string[];
  readonly diskDevice: "virtio-blk-pci" | "virtio-blk-device";
  /** QB_DRIVE_TYPE, "/dev/sd" by default: what a wic image's boot loader expects. */
  readonly driveType: string;
  /** QEMU -device value of the network card; holds @MAC@. */
  readonly networkDevice: string;
  /** From QB_OPT_APPEND's -initrd; may hold @DEPLOY_DIR_IMAGE@. */
  readonly initrd: string | undefined;
  /** QB_OPT_APPEND (without -initrd), QB_RNG and QB_SERIAL_OPT (without -serial), split; may hold @DEPLOY_DIR_IMAGE@. */
  readonly extraArguments: readonly string[];
  /** Every key, upper case, as written. */
  readonly values: Readonly<Record<string, string>>;
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  "qemu-system-x86_64": "x86_64",
  "qemu-system-aarch64": "aarch64",
  "qemu-system-arm": "arm",
};

const SYSTEM_OF_MACHINE: Readonly<Record<string, string>> = {
  "qemux86-64": "qemu-system-x86_64",
  qemuarm64: "qemu-system-aarch64",
  qemuarm: "qemu-system-arm",
};

/** Defaults of qemuboot.bbclass and runqemu, for files written by hand. */
const DEFAULT_RNG = "-object rng-random,filename=/dev/urandom,id=rng0 -device virtio-rng-pci,rng=rng0";
const DEFAULT_NETWORK = "-device virtio-net-pci,netdev=net0,mac=@MAC@";

/** Reads the section as Python's configparser does: keys without case, indented lines go on with the value above. */
function parseSection(text: string, problems: string[]): Map<string, string> {
  const values = new Map<string, string>();
  let section: string | undefined;
  let key: string | undefined;
  for (const [index, line] of text.split(/\r?\n/u).entries()) {
    const where = `line ${index + 1}`;
    const trimmed = line.trim();
    if (trimmed === "" || /^[#;]/u.test(trimmed)) continue;
    const header = /^\[([^\]]+)\]$/u.exec(trimmed);
    const pair = /^([^=:\s][^=:]*?)\s*[=:]\s*(.*)$/u.exec(trimmed);
    if (header !== null) {
      section = header[1];
      key = undefined;
    } else if (section === undefined) {
      problems.push(`${where}: there is text before the section [config_bsp]`);
      return values;
    } else if (section !== "config_bsp") {
      continue;
    } else if (/^\s/u.test(line) && key !== undefined) {
      values.set(key, `${values.get(key) ?? ""}\n${trimmed}`);
    } else if (pair === null) {
      problems.push(`${where}: neither "key = value" nor a section: ${trimmed.slice(0, 60)}`);
    } else {
      key = (pair[1] ?? "").toUpperCase();
      if (values.has(key)) problems.push(`${where}: ${key.toLowerCase()} is given twice`);
      values.set(key, pair[2] ?? "");
    }
  }
  if (section === undefined) problems.push("it has no section [config_bsp]");
  for (const [name, value] of values) values.set(name, value.replaceAll("%%", "%"));
  return values;
}

interface Options {
  readonly machine: string[];
  readonly cpu: string[];
  readonly initrd: string[];
  readonly serial: string[];
  readonly rest: string[];
}

const COLLECTED: Readonly<Record<string, "machine" | "cpu" | "initrd" | "serial">> = {
  "-machine": "machine",
  "-M": "machine",
  "-cpu": "cpu",
  "-initrd": "initrd",
  "-serial": "serial",
};

/** Sorts QEMU options into those that the plan decides and the rest. */
function sortOptions(words: readonly string[]): Options {
  const options: Options = { machine: [], cpu: [], initrd: [], serial: [], rest: [] };
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    const kind = COLLECTED[word];
    if (kind === undefined) {
      options.rest.push(word);
    } else {
      index += 1;
      options[kind].push(words[index] ?? "");
    }
  }
  return options;
}

/**
 * Reads a `*.qemuboot.conf` (OE-core's qemuboot.bbclass writes it, runqemu reads it): an INI file with one section, [config_bsp]. Throws
 * ConfigError with everything that is wrong with it. `path` is for messages only.
 */
export function parseQemuboot(text: string, path: string): Qemuboot {
  const problems: string[] = [];
  const section = parseSection(text, problems);
  const get = (key: string): string => section.get(key) ?? "";
  const words = (key: string, fallback = ""): string[] => {
    const split = parseShellWords(section.get(key) ?? fallback);
    if (split === undefined) problems.push(`${key.toLowerCase()}: a quote is not closed: ${get(key)}`);
    return split ?? [];
  };

  const readable = section.size > 0;
  const machine = get("MACHINE");
  const system = get("QB_SYSTEM_NAME") || SYSTEM_OF_MACHINE[machine];
  const arch = ARCHITECTURES[system ?? ""];
  if (readable && arch === undefined) {
    const known = "qemu-system-x86_64, qemu-system-aarch64 and qemu-system-arm";
    problems.push(
      system === undefined
        ? `qb_system_name is missing and machine "${machine}" does not tell it; known are ${known}`
        : `qb_system_name is "${system}"; meta-k3s knows ${known}`,
    );
  }

  const tcg = sortOptions([...words("QB_MACHINE"), ...words("QB_CPU")]);
  const kvm = sortOptions(words("QB_CPU_KVM"));
  const append = sortOptions(words("QB_OPT_APPEND"));
  const serial = sortOptions(words("QB_SERIAL_OPT"));
  if (readable) {
    if (tcg.machine.length === 0) problems.push('qb_machine (or qb_cpu) names no "-machine"');
    if (tcg.cpu.length === 0) problems.push('qb_cpu names no "-cpu"');
  }

  const memoryText = get("QB_MEM").replace(/^\s*-m(emory)?\s*/u, "");
  const memoryMib = memoryText === "" ? undefined : parseMemoryMib(memoryText);
  if (memoryText !== "" && memoryMib === undefined) problems.push(`qb_mem is not an amount of memory: ${get("QB_MEM")}`);
  const smp = /^\s*-smp\s+(?:cpus=)?(\d+)/u.exec(get("QB_SMP"));
  if (get("QB_SMP").trim() !== "" && smp === null) problems.push(`qb_smp is not a number of processors: ${get("QB_SMP")}`);

  const network = words("QB_NETWORK_DEVICE", DEFAULT_NETWORK);
  if (network.length !== 2 || network[0] !== "-device") problems.push(`qb_network_device is not one -device: ${network.join(" ")}`);

  const imageNames = [get("IMAGE_NAME"), get("IMAGE_LINK_NAME")].filter((name) => name !== "");
  if (readable && imageNames.length === 0) problems.push("image_name and image_link_name are both missing");
  const kernelName = get("QB_DEFAULT_KERNEL").split("/").at(-1) ?? "";
  if (readable && kernelName === "") problems.push("qb_default_kernel is missing");

  if (problems.length > 0 || arch === undefined) {
    throw new ConfigError(`${path} is not a usable qemuboot.conf: ${problems.join("; ")}`, {
      problems,
      hint: "give the *.qemuboot.conf that lies beside the image in BitBake's deploy folder, or the testbed's",
    });
  }

  const consoles = get("SERIAL_CONSOLES")
    .split(/\s+/u)
    .map((entry) => entry.split(";")[1] ?? "")
    .filter((device) => device !== "");
  const root = get("QB_KERNEL_ROOT") || "/dev/vda";
  return {
    machine,
    arch,
    qemuMachine: tcg.machine.join(","),
    qemuCpu: tcg.cpu.at(-1) ?? "",
    qemuCpuKvm: kvm.cpu.at(-1),
    memoryMib,
    cpus: smp === null ? undefined : Number(smp[1]),
    kernelName: kernelName === "none" ? undefined : kernelName,
    kernelImageType: get("KERNEL_IMAGETYPE"),
    imageNames,
    fsType: get("QB_DEFAULT_FSTYPE") || "ext4",
    wicNeedsKernel: get("QB_FSINFO").split(/\s+/u).includes("wic:no-kernel-in-fs"),
    kernelRoot: /(?:^|\s)(?:ro|rw)(?:\s|$)/u.test(root) ? root : `${root} rw`,
    kernelArguments: get("QB_KERNEL_CMDLINE_APPEND").trim(),
    ipArgument: get("QB_CMDLINE_IP_SLIRP").trim() || "ip=dhcp",
    consoles: consoles.length > 0 ? consoles : [arch === "x86_64" ? "ttyS0" : "ttyAMA0"],
    diskDevice: get("QB_ROOTFS_OPT").includes("virtio-blk-device") ? "virtio-blk-device" : "virtio-blk-pci",
    driveType: get("QB_DRIVE_TYPE") || "/dev/sd",
    networkDevice: network[1] ?? "",
    initrd: append.initrd.at(-1),
    extraArguments: [...tcg.rest, ...words("QB_RNG", DEFAULT_RNG), ...append.rest, ...serial.rest],
    values: Object.fromEntries(section),
  };
}
