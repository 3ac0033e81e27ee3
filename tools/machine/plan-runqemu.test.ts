import { expect, test } from "vitest";
import type { MachinePlan } from "./machine.ts";
import { parseQemuboot } from "./parse-qemuboot.ts";
import { planRunqemu } from "./plan-runqemu.ts";

const PLAN: MachinePlan = {
  handOver: { files: [], credentials: [] },
  spec: {
    name: "two words",
    arch: "x86_64",
    qemubootPath: "/deploy/image.qemuboot.conf",
    kernelPath: "/deploy/bzImage",
    initrdPath: undefined,
    kernelCommandLine: "root=/dev/vda rw ip=dhcp net.ifnames=0 console=ttyS0 panic=-1",
    qemuMachine: "q35,i8042=off",
    qemuCpu: "max",
    memoryMib: 4096,
    cpus: 2,
    translationMib: undefined,
    rootDisk: { path: "/deploy/image.ext4", format: "raw", writes: "overlay", cache: "unsafe" },
    rootDiskMib: 3000,
    diskDevice: "virtio-blk-pci",
    dataDisks: [],
    networkDevice: "virtio-net-pci,netdev=net0,mac=52:54:00:12:35:02",
    networks: [],
    sshPort: undefined,
    restrictNetwork: true,
    rtcBase: "utc",
    allowReboot: false,
    extraArguments: [],
  },
  accelerator: { kind: "tcg", reason: "there is no /dev/kvm" },
  qemu: { path: "/usr/bin/qemu-system-x86_64", version: "10.0.2" },
  access: { kind: "credentials", user: "root" },
  outputFolder: undefined,
  stateFolder: undefined,
  warnings: [],
};

function plan(changes: Partial<MachinePlan> = {}, values: Readonly<Record<string, string>> = {}): ReturnType<typeof planRunqemu> {
  return planRunqemu({
    plan: { ...PLAN, ...changes },
    files: {
      disks: [{ path: "/run/root.qcow2", format: "qcow2", cache: "unsafe" }],
      qmpSocketPath: "/run/qmp",
      consoleSocketPath: "/run/tty",
      consolePath: "/my results/console.log",
      credentials: [],
      handOverDisk: undefined,
    },
    values: {
      IMAGE_LINK_NAME: "image",
      MACHINE: "qemux86-64",
      QB_CPU: "-cpu Skylake-Client -machine q35,i8042=off",
      QB_DEFAULT_KERNEL: "bzImage",
      QB_KERNEL_CMDLINE_APPEND: "net.ifnames=0",
      QB_MEM: "-m 256",
      QB_OPT_APPEND: "-device usb-tablet,name=100%",
      ...values,
    },
    runqemuPath: "/oe/scripts/runqemu",
    confPath: "/run/machine.qemuboot.conf",
    sysroot: "/run/sysroot",
    kernelPath: "/run/kernel",
  });
}

test("runqemu gets a conf that still reads as one, with overlay, memory in MiB and any free port", () => {
  const conf = parseQemuboot(plan().conf, "x");
  expect(conf.values).toMatchObject({
    QB_MEM: "-m 4096",
    QB_SMP: "-smp 2",
    QB_CPU: "-cpu max",
    QB_MACHINE: "-machine q35,i8042=off",
    QB_OPT_APPEND: "-device usb-tablet,name=100%",
    QB_ROOTFS_OPT: "-drive id=root,if=none,file=@ROOTFS@,format=qcow2,cache=unsafe -device virtio-blk-pci,drive=root",
    QB_SLIRP_OPT: "-netdev user,id=net0,hostfwd=tcp:127.0.0.1:0x0-:22,restrict=on",
  });
});

test("the port is none that runqemu would count up from (its own pattern, setup_slirp)", () => {
  expect(/hostfwd=[^-]*:([0-9]+)-[^,-]*/u.test(plan().conf)).toBe(false);
});

test("its arguments survive its splitting at blanks, and memory is given so that it finds it", () => {
  const { argv, env } = plan();
  expect(argv.slice(0, 4)).toEqual(["/oe/scripts/runqemu", "/run/machine.qemuboot.conf", "nographic", "slirp"]);
  expect(argv[4]).toMatch(/^qemuparams=-accel tcg,thread=multi -monitor none -m 4096 -name 'two words' /u);
  expect(argv[4]).toContain("'socket,id=tty0,path=/run/tty,logfile=/my results/console.log'");
  expect(env).toEqual({ OECORE_NATIVE_SYSROOT: "/run/sysroot", ROOTFS: "/run/root.qcow2", KERNEL: "/run/kernel" });
});

test("the kernel is told only what runqemu does not tell it", () => {
  expect(plan().argv.at(-1)).toBe("bootparams=console=ttyS0 panic=-1");
});

test("KVM is asked for in runqemu's word, and an image with its own loader gets no kernel", () => {
  const { argv, conf } = plan({ accelerator: { kind: "kvm", reason: "it ran" }, spec: { ...PLAN.spec, kernelPath: undefined } });
  expect(argv).toContain("kvm");
  expect(argv.join(" ")).not.toContain("tcg");
  expect(conf).toContain("qb_default_kernel = none");
});

test("a wic image whose kernel lies beside it keeps its root, and goes the way of a plain file system", () => {
  const kernelCommandLine = PLAN.spec.kernelCommandLine.replace("/dev/vda", "/dev/vda1");
  const { argv, conf, env } = plan(
    { spec: { ...PLAN.spec, kernelCommandLine } },
    { QB_DEFAULT_FSTYPE: "wic", QB_FSINFO: "wic:no-kernel-in-fs", QB_KERNEL_ROOT: "/dev/vda1" },
  );
  expect(parseQemuboot(conf, "x")).toMatchObject({ fsType: "ext4", kernelRoot: "/dev/vda1 rw" });
  expect(env["KERNEL"]).toBe("/run/kernel");
  expect(argv.at(-1)).not.toContain("root=");
});
