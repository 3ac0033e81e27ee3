import { readKernelSubject } from "../access/read-kernel-subject.ts";
import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../core/exit-codes.ts";
import { formatKernelFindings } from "../kernel/format-kernel-findings.ts";
import { judgeKernel } from "../kernel/judge-kernel.ts";
import type { KernelArch } from "../kernel/kernel-need.ts";
import { readKernelNeeds } from "../kernel/read-kernel.ts";
import { keyOption } from "./kubeconfig.ts";

export const kernelCommand = defineCommand({
  name: "kernel",
  describe: "Check that a kernel has what k3s needs: of a device or machine that runs, a build, or a .config",
  positionals: {
    action: { type: "string", describe: "what to do", choices: ["check"], required: true },
    subject: {
      type: "string",
      describe: "a .config, config.gz or kernel's build folder; a device: user@host[:port]; or a machine that runs here (default)",
    },
  },
  options: {
    rootfs: {
      type: "string",
      describe: "with a .config: folder of an unpacked root filesystem, in which every module needed must be",
      valueName: "DIR",
    },
    key: keyOption,
    arch: { type: "string", choices: ["x86-64", "arm64", "arm"], describe: "architecture, where the file's head does not tell it" },
    snapshotter: {
      type: "string",
      describe: "what K3S_SNAPSHOTTER is (default: the device's, else overlayfs)",
      choices: ["overlayfs", "btrfs", "zfs", "native", "fuse-overlayfs"],
    },
    flannel: {
      type: "string",
      describe: "what K3S_FLANNEL_BACKEND is (default: the device's, else vxlan)",
      choices: ["vxlan", "host-gw", "wireguard-native", "none"],
    },
    iptables: {
      type: "string",
      describe: "the kind of the device's iptables command (default: the device's, else nft)",
      choices: ["nft", "legacy"],
    },
  },
  examples: [
    ["kernel check tmp/work/.../build/.config --snapshotter btrfs", "audit what BitBake configured"],
    ["kernel check root@192.168.1.20", "audit the kernel that a device runs, and its modules"],
  ],
  epilogue:
    "The list of needs is the layer's own kernel fragments, recipes-kernel/linux/k3s/*.cfg. Exits 6 when a required one is not met.",
  handler: async (args, ctx) => {
    const { subject, key, rootfs, arch } = args;
    const kernel = await readKernelSubject(ctx, { subject, key, rootfs, arch: arch as KernelArch | undefined });
    const { source, config, modules, use: told } = kernel;
    const use = {
      ...told,
      snapshotter: args.snapshotter ?? told.snapshotter ?? "overlayfs",
      flannel: args.flannel ?? told.flannel ?? "vxlan",
      iptables: args.iptables ?? told.iptables ?? "nft",
    };
    const findings = judgeKernel(await readKernelNeeds(), { config, modules }, use);
    const failed = findings.some((finding) => finding.status !== "met" && finding.need.level === "required");
    return { text: formatKernelFindings(findings, use, source), json: { use, findings }, exitCode: failed ? EXIT.guest : EXIT.ok };
  },
});
