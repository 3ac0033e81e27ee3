import { expect, test } from "vitest";
import { ConfigError } from "../core/errors.ts";
import { parseQemuboot } from "./parse-qemuboot.ts";

/** As qemuboot.bbclass of OE-core wrynose writes it for qemux86-64, with a few keys left out. */
const X86 = `[config_bsp]
deploy_dir_image = .
image_link_name = core-image-k3s-qemux86-64.rootfs
image_name = core-image-k3s-qemux86-64.rootfs-20261121
kernel_imagetype = bzImage
machine = qemux86-64
qb_cpu = -cpu Skylake-Client -machine q35,i8042=off
qb_cpu_kvm = -cpu Skylake-Client -machine q35,i8042=off
qb_default_fstype = ext4
qb_default_kernel = bzImage--6.18-r0-qemux86-64.bin
qb_kernel_cmdline_append = oprofile.timer=1 tsc=reliable swiotlb=0
qb_mem = -m 256
qb_opt_append = -usb -device usb-tablet -initrd @DEPLOY_DIR_IMAGE@/initrd
qb_serial_opt = -serial mon:stdio -serial null
qb_smp = -smp 4
qb_system_name = qemu-system-x86_64
serial_consoles = 115200;ttyS0 115200;ttyS1
`;

const ARM = `[config_bsp]
image_link_name = core-image-k3s-qemuarm.rootfs
machine = qemuarm
qb_cpu = -cpu cortex-a15
qb_default_kernel = zImage
qb_machine = -machine virt,highmem=off
qb_network_device = -device virtio-net-device,netdev=net0,mac=@MAC@
qb_rootfs_opt = -drive id=disk0,file=@ROOTFS@,if=none,format=raw -device virtio-blk-device,drive=disk0
qb_serial_opt = -device virtio-serial-device -chardev null,id=virtcon -device virtconsole,chardev=virtcon
qb_system_name = qemu-system-arm
serial_consoles = 115200;ttyAMA0 115200;hvc0
`;

function problemsOf(text: string): readonly string[] {
  try {
    parseQemuboot(text, "x.qemuboot.conf");
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("qemux86-64: machine type out of QB_CPU, kernel and initrd told apart from other options", () => {
  const conf = parseQemuboot(X86, "x.qemuboot.conf");
  expect(conf).toMatchObject({
    arch: "x86_64",
    qemuMachine: "q35,i8042=off",
    qemuCpu: "Skylake-Client",
    memoryMib: 256,
    cpus: 4,
    kernelName: "bzImage--6.18-r0-qemux86-64.bin",
    imageNames: ["core-image-k3s-qemux86-64.rootfs-20261121", "core-image-k3s-qemux86-64.rootfs"],
    fsType: "ext4",
    kernelRoot: "/dev/vda rw",
    ipArgument: "ip=dhcp",
    consoles: ["ttyS0", "ttyS1"],
    diskDevice: "virtio-blk-pci",
    initrd: "@DEPLOY_DIR_IMAGE@/initrd",
  });
  expect(conf.extraArguments).toEqual([
    "-object",
    "rng-random,filename=/dev/urandom,id=rng0",
    "-device",
    "virtio-rng-pci,rng=rng0",
    "-usb",
    "-device",
    "usb-tablet",
  ]);
});

test("qemuarm: disk and network without PCI, second console kept", () => {
  const conf = parseQemuboot(ARM, "x.qemuboot.conf");
  expect(conf).toMatchObject({
    arch: "arm",
    qemuMachine: "virt,highmem=off",
    diskDevice: "virtio-blk-device",
    networkDevice: "virtio-net-device,netdev=net0,mac=@MAC@",
    memoryMib: undefined,
  });
  expect(conf.extraArguments.slice(-6)).toEqual([
    "-device",
    "virtio-serial-device",
    "-chardev",
    "null,id=virtcon",
    "-device",
    "virtconsole,chardev=virtcon",
  ]);
});

test("values go on over indented lines and percent signs are unescaped, as configparser has it", () => {
  const conf = parseQemuboot(X86.replace("tsc=reliable", "tsc=reliable\n\tlog=100%%"), "x.qemuboot.conf");
  expect(conf.values["QB_KERNEL_CMDLINE_APPEND"]).toBe("oprofile.timer=1 tsc=reliable\nlog=100% swiotlb=0");
});

test("a kernel root that says ro stays read-only, and 'none' means no kernel", () => {
  const conf = parseQemuboot(
    `${X86}qb_kernel_root = /dev/vda ro\n`.replace(/qb_default_kernel = .*/u, "qb_default_kernel = none"),
    "x",
  );
  expect(conf.kernelRoot).toBe("/dev/vda ro");
  expect(conf.kernelName).toBeUndefined();
});

test("a kernel root is read-only by a word of its own, as runqemu has it, and not by a name with ro in it", () => {
  expect(parseQemuboot(`${X86}qb_kernel_root = PARTLABEL=ro-root\n`, "x").kernelRoot).toBe("PARTLABEL=ro-root rw");
});

test("an image with a data partition: wic, with the kernel from outside and the root on its first partition", () => {
  const conf = parseQemuboot(`${X86.replace("= ext4", "= wic")}qb_fsinfo = wic:no-kernel-in-fs\nqb_kernel_root = /dev/vda1\n`, "x");
  expect(conf).toMatchObject({ fsType: "wic", wicNeedsKernel: true, kernelRoot: "/dev/vda1 rw" });
});

test.each([
  ["nothing at all", "", ["it has no section [config_bsp]"]],
  ["some other text", "hello\n", ["line 1: there is text before the section [config_bsp]"]],
  ["a line that is no pair", `${X86}nonsense\n`, ['line 18: neither "key = value" nor a section: nonsense']],
  ["a key given twice", `${X86}machine = qemuarm\n`, ["line 18: machine is given twice"]],
  [
    "an unknown machine",
    X86.replace("qemu-system-x86_64", "qemu-system-mips"),
    ['qb_system_name is "qemu-system-mips"; meta-k3s knows qemu-system-x86_64, qemu-system-aarch64 and qemu-system-arm'],
  ],
  [
    "an open quote",
    X86.replace("-usb", "'-usb"),
    ["qb_opt_append: a quote is not closed: '-usb -device usb-tablet -initrd @DEPLOY_DIR_IMAGE@/initrd"],
  ],
  [
    "several missing keys",
    "[config_bsp]\nmachine = qemux86-64\nqb_mem = -m lots\n",
    [
      'qb_machine (or qb_cpu) names no "-machine"',
      'qb_cpu names no "-cpu"',
      "qb_mem is not an amount of memory: -m lots",
      "image_name and image_link_name are both missing",
      "qb_default_kernel is missing",
    ],
  ],
])("all problems of %s are told", (_name, text, problems) => {
  expect(problemsOf(text)).toEqual(problems);
});

test("missing image and kernel names are both told", () => {
  const text = X86.replaceAll(/^(image_|qb_default_kernel).*\n/gmu, "");
  expect(problemsOf(text)).toEqual(["image_name and image_link_name are both missing", "qb_default_kernel is missing"]);
});
