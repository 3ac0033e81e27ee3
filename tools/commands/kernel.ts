import { resolve } from "node:path";
import { defineCommand } from "../cli/command.ts";
import { ConfigError } from "../core/errors.ts";
import { EXIT } from "../core/exit-codes.ts";
import { formatKernelFindings } from "../kernel/format-kernel-findings.ts";
import { judgeKernel } from "../kernel/judge-kernel.ts";
import { readKernelConfig, readKernelNeeds, readModules } from "../kernel/read-kernel.ts";

export const kernelCommand = defineCommand({
  name: "kernel",
  describe: "Check that a kernel has what k3s needs: a .config, with the root filesystem's modules if given",
  positionals: {
    action: { type: "string", describe: "what to do", choices: ["check"], required: true },
    config: { type: "string", describe: "a kernel's .config or config.gz", required: true },
  },
  options: {
    rootfs: {
      type: "string",
      describe: "folder of an unpacked root filesystem: every module needed must be in it",
      valueName: "DIR",
    },
    arch: { type: "string", choices: ["x86-64", "arm64", "arm"], describe: "architecture, where the file's head does not tell it" },
    snapshotter: {
      type: "string",
      default: "overlayfs",
      describe: "what K3S_SNAPSHOTTER is",
      choices: ["overlayfs", "btrfs", "zfs", "native", "fuse-overlayfs"],
    },
    flannel: {
      type: "string",
      default: "vxlan",
      describe: "what K3S_FLANNEL_BACKEND is",
      choices: ["vxlan", "host-gw", "wireguard-native", "none"],
    },
    iptables: { type: "string", default: "nft", describe: "the kind of the device's iptables command", choices: ["nft", "legacy"] },
  },
  examples: [["kernel check tmp/work/.../build/.config --snapshotter btrfs", "audit what BitBake configured"]],
  epilogue:
    "The list of needs is the layer's own kernel fragments, recipes-kernel/linux/k3s/*.cfg. Exits 6 when a required one is not met.",
  handler: async (args, ctx) => {
    const path = resolve(ctx.cwd, args.config);
    const config = await readKernelConfig(path);
    const arch = args.arch ?? config.arch;
    if (config.version === undefined || arch === undefined) {
      throw new ConfigError(`${path} does not tell its kernel's version and architecture`, {
        hint: 'its head must be "# Linux/arm64 6.18.2 Kernel Configuration", as the kernel\'s build writes it',
      });
    }
    const use = {
      version: config.version,
      arch: arch as "x86-64" | "arm64" | "arm",
      snapshotter: args.snapshotter,
      flannel: args.flannel,
      iptables: args.iptables,
    };
    const modules = args.rootfs === undefined ? undefined : await readModules(resolve(ctx.cwd, args.rootfs));
    const findings = judgeKernel(await readKernelNeeds(), { config, modules }, use);
    const failed = findings.some((finding) => finding.status !== "met" && finding.need.level === "required");
    return { text: formatKernelFindings(findings, use, path), json: { use, findings }, exitCode: failed ? EXIT.guest : EXIT.ok };
  },
});
