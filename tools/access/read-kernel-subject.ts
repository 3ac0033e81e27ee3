import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { openSsh } from "../cluster/open-ssh.ts";
import { parseK3sConfig } from "../cluster/parse-k3s-config.ts";
import { readK3sConfig } from "../cluster/read-k3s-config.ts";
import type { Context } from "../core/context.ts";
import { ConfigError, UsageError } from "../core/errors.ts";
import type { KernelArch, KernelConfig, KernelUse } from "../kernel/kernel-need.ts";
import { readDeviceKernel } from "../kernel/read-device-kernel.ts";
import { readKernelConfig, readModules } from "../kernel/read-kernel.ts";
import { parseDevice, readTarget, type Target } from "./read-target.ts";

const CONNECT_TIMEOUT_MS = 20_000;

/** A kernel to audit, and what is known of its use without asking the user. */
export interface KernelSubject {
  /** For people: "arch/.config", "kitchen:/proc/config.gz". */
  readonly source: string;
  readonly config: KernelConfig;
  /** undefined where only a configuration is there to look at. */
  readonly modules: ReadonlySet<string> | undefined;
  readonly use: Pick<KernelUse, "version" | "arch"> & Partial<KernelUse>;
}

async function readDeviceSubject(ctx: Context, target: Target): Promise<KernelSubject> {
  await using shell = await openSsh(ctx, target.ssh, { timeoutMs: CONNECT_TIMEOUT_MS });
  const kernel = await readDeviceKernel(shell, target.name);
  const k3s = parseK3sConfig(await readK3sConfig(shell));
  const { version, arch, iptables } = kernel;
  const [snapshotter, flannel] = ["snapshotter", "flannel-backend"].map((name) => k3s.get(name)?.at(-1));
  return {
    source: `${target.name}:${kernel.configPath}`,
    config: kernel.config,
    modules: kernel.modules,
    use: {
      version,
      arch,
      ...(iptables === undefined ? {} : { iptables }),
      ...(snapshotter === undefined ? {} : { snapshotter }),
      ...(flannel === undefined ? {} : { flannel }),
    },
  };
}

async function readFileSubject(
  ctx: Context,
  options: { path: string; rootfs: string | undefined; arch: KernelArch | undefined },
): Promise<KernelSubject> {
  const { path, rootfs } = options;
  const config = await readKernelConfig(path);
  const { version, arch = options.arch } = config;
  if (version === undefined || arch === undefined) {
    throw new ConfigError(`${path} does not tell its kernel's version and architecture`, {
      hint: 'its head must be "# Linux/arm64 6.18.2 Kernel Configuration", as the kernel\'s build writes it',
    });
  }
  const modules = rootfs === undefined ? undefined : await readModules(resolve(ctx.cwd, rootfs));
  return { source: path, config, modules, use: { version, arch } };
}

/**
 * Reads the kernel that the user names: a file (.config, config.gz), a kernel's build folder, user@host[:port], a machine that runs here by name, or
 * the one that does. A device also tells its modules, its iptables and how its k3s is configured. Throws ConfigError where it cannot be read,
 * UsageError where nothing goes by that name, GuestError and WaitTimeoutError where a device does not answer.
 */
export async function readKernelSubject(
  ctx: Context,
  options: { subject: string | undefined; key: string | undefined; rootfs: string | undefined; arch: KernelArch | undefined },
): Promise<KernelSubject> {
  const { subject, key, rootfs, arch } = options;
  const path = resolve(ctx.cwd, subject ?? ".");
  const found = subject === undefined || parseDevice(subject) !== undefined ? undefined : await stat(path).catch(() => undefined);
  if (subject !== undefined && found !== undefined) {
    return await readFileSubject(ctx, { path: found.isDirectory() ? join(path, ".config") : path, rootfs, arch });
  }
  if (subject?.includes("/") === true || subject?.startsWith(".") === true) {
    throw new ConfigError(`cannot read the kernel configuration ${path}`, {
      hint: "give the path of a .config, a config.gz or a kernel's build folder",
    });
  }
  if (rootfs !== undefined) throw new UsageError("--rootfs goes with a .config; a device is asked for its own modules");
  return await readDeviceSubject(ctx, await readTarget(ctx, { target: subject, key }));
}
