import { expect, test } from "vitest";
import { ConfigError, PreflightError } from "../core/errors.ts";
import { parseQemuboot } from "./parse-qemuboot.ts";
import type { MachinePlanInput } from "./plan-machine.ts";
import { planMachine } from "./plan-machine.ts";
import { formatTcg, planQemuArgv } from "./plan-qemu-argv.ts";

const X86 = `[config_bsp]
image_link_name = image
machine = qemux86-64
qb_cpu = -cpu max -machine q35,i8042=off
qb_default_kernel = bzImage
qb_kernel_cmdline_append = net.ifnames=0
qb_mem = -m 256
qb_opt_append = -device usb-ehci,id=@DEPLOY_DIR_IMAGE@
qb_smp = -smp 4
serial_consoles = 115200;ttyS0 115200;ttyS1
`;
const ARM64 = `[config_bsp]
image_link_name = image
machine = qemuarm64
qb_cpu = -cpu cortex-a57
qb_cpu_kvm = -cpu host -machine gic-version=3
qb_default_kernel = Image
qb_machine = -machine virt
qb_rootfs_opt = -drive id=disk0,file=@ROOTFS@,if=none,format=raw -device virtio-blk-pci,drive=disk0
serial_consoles = 115200;ttyAMA0 115200;hvc0
`;
const ARM = `[config_bsp]
image_link_name = image
machine = qemuarm
qb_cpu = -cpu cortex-a15
qb_default_kernel = zImage
qb_machine = -machine virt,highmem=off
qb_network_device = -device virtio-net-device,netdev=net0,mac=@MAC@
qb_rootfs_opt = -drive id=disk0,file=@ROOTFS@,if=none,format=raw -device virtio-blk-device,drive=disk0
`;

function input(conf: string, changes: Partial<MachinePlanInput> = {}): MachinePlanInput {
  const qemuboot = parseQemuboot(conf, "/deploy/image.qemuboot.conf");
  return {
    image: {
      qemuboot,
      qemubootPath: "/deploy/image.qemuboot.conf",
      folder: "/deploy",
      nativeFolder: undefined,
      kernelPath: "/deploy/kernel",
      initrdPath: undefined,
      rootfsPath: "/deploy/image.ext4",
      fsType: "ext4",
      rootfsFormat: "raw",
      rootfsMib: 1200,
    },
    options: {},
    host: {
      arch: "x86_64",
      cpus: 2,
      memoryMib: 16_000,
      memoryAvailableMib: 12_000,
      qemu: { path: "/usr/bin/qemu-system-x86_64", version: { major: 10, minor: 0, micro: 2 } },
      qemuImgPath: "/usr/bin/qemu-img",
      sshKeygenPath: "/usr/bin/ssh-keygen",
      runFolderBase: "/var/tmp/meta-k3s-0",
      diskFreeMib: 50_000,
    },
    kvm: { usable: false, reason: "there is no /dev/kvm" },
    ...changes,
  };
}

test("256 MiB of the image become 2048, its four processors the host's two, the disk 2 GiB more", () => {
  const { spec, accelerator, warnings } = planMachine(input(X86));
  expect(spec).toMatchObject({
    memoryMib: 2048,
    cpus: 2,
    rootDiskMib: 3248,
    qemuMachine: "q35,i8042=off",
    qemuCpu: "max,-erms,-fsrm",
    translationMib: undefined,
    arch: "x86_64",
  });
  expect(spec.extraArguments.slice(-2)).toEqual(["-device", "usb-ehci,id=/deploy"]);
  expect(accelerator).toEqual({ kind: "tcg", reason: "there is no /dev/kvm" });
  expect(warnings).toEqual([]);
});

test("an image that wants more memory than 2048 MiB gets it", () => {
  expect(planMachine(input(X86.replace("-m 256", "-m 4G"))).spec.memoryMib).toBe(4096);
});

test("less memory on purpose is given, and said", () => {
  const plan = planMachine(input(X86, { options: { memoryMib: 256, cpus: 1 } }));
  expect(plan.spec).toMatchObject({ memoryMib: 256, cpus: 1 });
  expect(plan.warnings).toEqual(["256 MiB of memory, as asked; a k3s server needs about 2048 MiB, an agent 512"]);
});

test("the kernel is told root, address and the one console that is captured", () => {
  expect(planMachine(input(X86)).spec.kernelCommandLine).toBe(
    "root=/dev/vda rw ip=dhcp mitigations=off net.ifnames=0 console=ttyS0 panic=-1 systemd.wants=systemd-growfs-root.service",
  );
});

test("an emulated processor is not sheltered from its own faults, a real one is", () => {
  expect(planMachine(input(ARM64)).spec.kernelCommandLine).toMatch(/ mitigations=off kpti=off /u);
  const real = planMachine(input(ARM64, { kvm: { usable: true, reason: "it ran" } }));
  expect(real.spec.kernelCommandLine).not.toMatch(/mitigations|kpti/u);
});

test("where reboots are allowed a panic may not end in one", () => {
  const { spec } = planMachine(input(X86, { options: { allowReboot: true } }));
  expect(spec.kernelCommandLine).not.toContain("panic=");
  expect(spec.allowReboot).toBe(true);
});

test("QEMU 7.2 under emulation loses cx16, and says so", () => {
  const host = { ...input(X86).host, qemu: { path: "qemu", version: { major: 7, minor: 2, micro: 22 } } };
  const plan = planMachine(input(X86, { host }));
  expect(plan.spec.qemuCpu).toBe("max,-erms,-fsrm,-cx16");
  expect(plan.warnings[0]).toContain("QEMU 7.2.22 emulates cmpxchg16b wrongly");
});

test("an image that already leaves cx16 out, KVM and arm64 are left alone by QEMU 7.2's cure", () => {
  const host = { ...input(X86).host, qemu: { path: "qemu", version: { major: 7, minor: 2, micro: 22 } } };
  expect(planMachine(input(X86.replace("-cpu max", "-cpu max,-cx16"), { host })).spec.qemuCpu).toBe("max,-cx16,-erms,-fsrm");
  expect(planMachine(input(X86, { host, kvm: { usable: true, reason: "it ran" } })).spec.qemuCpu).toBe("max");
  expect(planMachine(input(ARM64, { host })).spec.qemuCpu).toBe("cortex-a57");
});

test("a host with memory to spare gives QEMU all the room for translated code that it takes", () => {
  const { host } = input(X86);
  expect(planMachine(input(X86, { host: { ...host, memoryAvailableMib: 12_288 } })).spec.translationMib).toBe(2048);
  expect(formatTcg({ translationMib: 2048 })).toBe("tcg,thread=multi,tb-size=2048");
});

test("KVM on arm64 takes the host's processor", () => {
  const plan = planMachine(input(ARM64, { kvm: { usable: true, reason: "it ran" } }));
  expect(plan).toMatchObject({ accelerator: { kind: "kvm", reason: "it ran" }, spec: { qemuCpu: "host" } });
});

test("KVM that is insisted on and does not work is an error with the probe's words", () => {
  expect(() => planMachine(input(X86, { options: { accelerator: "kvm" } }))).toThrow("KVM was asked for, but there is no /dev/kvm");
});

test("missing programs are all told with their packages", () => {
  const host = { ...input(ARM).host, qemu: undefined, qemuImgPath: undefined };
  const run = (): unknown => planMachine(input(ARM, { host }));
  expect(run).toThrow(PreflightError);
  expect(run).toThrow("not installed or not on PATH: qemu-system-arm, qemu-img");
  expect(run).toThrow(
    expect.objectContaining({
      hint: "run ./meta-k3s doctor --install, or: apt-get install -y --no-install-recommends qemu-system-arm qemu-utils",
    }),
  );
});

test("nonsense is refused all at once, more memory than the host has by itself", () => {
  const wrong = { memoryMib: 4, cpus: 0, sshPort: 70_000 };
  expect(() => planMachine(input(ARM, { options: wrong }))).toThrow(ConfigError);
  expect(() => planMachine(input(ARM, { options: wrong }))).toThrow(/memory is not.*processors are not.*no port: 70000/u);
  expect(() => planMachine(input(ARM, { options: { memoryMib: 4096 } }))).toThrow("a 32-bit arm machine takes at most 3072 MiB");
  expect(() => planMachine(input(X86, { options: { memoryMib: 32_000 } }))).toThrow(
    /wants 32000 MiB of memory, the host has 16000 MiB/u,
  );
});

test("a wic image boots by its own loader, as a SCSI disk", () => {
  const image = { ...input(X86).image, kernelPath: undefined, fsType: "wic" };
  expect(planMachine(input(X86, { image })).spec).toMatchObject({
    kernelPath: undefined,
    kernelCommandLine: "",
    diskDevice: "scsi-hd",
  });
});

test.each([
  ["x86-64", X86, "virtio-blk-pci"],
  ["arm64", ARM64, "virtio-blk-pci"],
  ["arm", ARM, "virtio-blk-device"],
])("%s: a wic image with the kernel beside it boots from its first partition", (_name, conf, diskDevice) => {
  const withPartition = `${conf}qb_default_fstype = wic\nqb_fsinfo = wic:no-kernel-in-fs\nqb_kernel_root = /dev/vda1\n`;
  const image = { ...input(withPartition).image, rootfsPath: "/deploy/image.wic", fsType: "wic" };
  const { spec } = planMachine(input(withPartition, { image }));
  expect(spec).toMatchObject({ kernelPath: "/deploy/kernel", diskDevice, rootDisk: { path: "/deploy/image.wic", format: "raw" } });
  expect(spec.kernelCommandLine).toMatch(/^root=\/dev\/vda1 rw ip=dhcp /u);
});

function argvFor(conf: string, options: MachinePlanInput["options"] = {}, credential = "tmpfiles.extra"): string {
  const plan = planMachine(input(conf, { options }));
  return planQemuArgv({
    qemuPath: plan.qemu.path,
    spec: plan.spec,
    accelerator: plan.accelerator,
    files: {
      disks: [
        { path: "/run/root.qcow2", format: "qcow2", cache: "unsafe" },
        ...plan.spec.dataDisks.map((_disk, index) => ({
          path: `/run/data${index}.qcow2`,
          format: "qcow2" as const,
          cache: "writeback" as const,
        })),
      ],
      qmpSocketPath: "/run/qmp",
      consoleSocketPath: "/run/tty",
      consolePath: "/out,put/console.log",
      credentials: [{ name: credential, path: "/run/credential", smbiosPath: "/run/smbios" }],
      handOverDisk: plan.spec.arch === "arm" ? "/run/hand,over.ext4" : undefined,
    },
  }).join(" ");
}

test("arm: what is handed over comes on a disk that takes no virtio disk's name, and the guest mounts it", () => {
  const mount = "systemd.mount-extra=LABEL=meta-k3s-run:/run/credstore:ext4:ro";
  expect(planMachine(input(ARM)).spec.kernelCommandLine).toContain(mount);
  expect(planMachine(input(ARM, { options: { sshKeyPath: "/key" } })).spec.kernelCommandLine).not.toContain("mount-extra");
  expect(planMachine(input(ARM64)).spec.kernelCommandLine).not.toContain("mount-extra");
  expect(argvFor(ARM)).toContain(
    "-drive if=none,id=handover,file=/run/hand,,over.ext4,format=raw,readonly=on -device virtio-scsi-pci,id=handover-bus -device scsi-hd,bus=handover-bus.0,drive=handover",
  );
  expect(argvFor(ARM64)).not.toContain("handover");
});

test("x86-64: QEMU chooses the SSH port on 127.0.0.1, memory in MiB, keys by file, commas in paths doubled", () => {
  const argv = argvFor(X86);
  expect(argv).toContain(
    "-netdev user,id=net0,hostfwd=tcp:127.0.0.1:0-:22 -device virtio-net-pci,netdev=net0,mac=52:54:00:12:35:02",
  );
  expect(argv).toContain("-accel tcg,thread=multi -m 2048 -smp 2");
  expect(argv).toContain("-device virtio-blk-pci,drive=root");
  expect(argv).toContain("logfile=/out,,put/console.log -serial chardev:tty0 -serial null");
  expect(argv).toContain(
    "-fw_cfg name=opt/io.systemd.credentials/tmpfiles.extra,file=/run/credential -smbios type=11,path=/run/smbios",
  );
  expect(argv).toContain("-no-reboot");
});

test("arm: disk, network and data disk without PCI, and no SMBIOS", () => {
  const argv = argvFor(ARM, { dataDisks: [{ blankMib: 1024, cache: "writeback" }] });
  expect(argv).toContain("-device virtio-blk-device,drive=root");
  expect(argv).toContain("-device virtio-net-device,netdev=net0,mac=52:54:00:12:35:02");
  expect(argv).toContain(
    "-drive if=none,id=data0,file=/run/data0.qcow2,format=qcow2,cache=writeback -device virtio-blk-device,drive=data0",
  );
  expect(argv).not.toContain("-smbios");
});

test("what a scenario asks for reaches QEMU: port, isolation, clock, second network, reboots", () => {
  const argv = argvFor(X86, {
    sshPort: 2222,
    restrictNetwork: true,
    rtcBase: "1970-01-01T00:00:00",
    allowReboot: true,
    networks: [{ netdev: "socket,mcast=230.0.0.1:4321,localaddr=127.0.0.1", mac: "52:54:00:00:00:01" }],
  });
  expect(argv).toContain("hostfwd=tcp:127.0.0.1:2222-:22,restrict=on");
  expect(argv).toContain("-rtc base=1970-01-01T00:00:00");
  expect(argv).toContain(
    "-netdev socket,id=net1,mcast=230.0.0.1:4321,localaddr=127.0.0.1 -device virtio-net-pci,netdev=net1,mac=52:54:00:00:00:01",
  );
  expect(argv).not.toContain("-no-reboot");
});

test("a credential whose name is too long for fw_cfg goes by SMBIOS alone, and is refused where there is none", () => {
  const name = "systemd.unit-dropin.k3s.service";
  expect(argvFor(X86, {}, name)).not.toContain("-fw_cfg");
  expect(argvFor(X86, {}, name)).toContain("-smbios type=11,path=/run/smbios");
  expect(() => argvFor(ARM64, {}, name)).toThrow(`an aarch64 guest takes no credential with so long a name: ${name}`);
});
