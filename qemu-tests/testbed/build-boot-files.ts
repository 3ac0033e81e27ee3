import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Context } from "../../tools/core/context.ts";
import { ToolError } from "../../tools/core/errors.ts";
import { EXIT } from "../../tools/core/exit-codes.ts";
import type { TestbedArchitecture } from "./plan-architecture.ts";
import { planModules } from "./plan-modules.ts";

/** The root filesystem that Debian gave is not what the testbed expects of it. */
export class RootfsContentError extends ToolError {
  override readonly code = "TESTBED_ROOTFS";
  override readonly exitCode = EXIT.command;
}

/**
 * Makes, from a rootfs.tar, what QEMU loads itself and what the images take from Debian: `kernel`, `initrd` (newc cpio: busybox, the modules
 * that the kernel needs to see its disk, guest-init.sh), `busybox`, `busybox-applets` and `ca-certificates.crt`. Throws RootfsContentError where one of them is not there.
 */
export async function buildBootFiles(
  ctx: Context,
  architecture: TestbedArchitecture,
  where: { dir: string; rootfsTar: string; initScript: string },
): Promise<void> {
  const { dir } = where;
  const tree = join(dir, "tree");
  await mkdir(tree);
  await ctx.exec.runCheck([
    "tar", "-xf", where.rootfsTar, "-C", tree, "--no-same-owner", "--no-same-permissions", "--wildcards",
    "./boot/vmlinuz-*", "./usr/bin/busybox", "./etc/ssl/certs/ca-certificates.crt", "./usr/share/meta-k3s-testbed/*", "./usr/lib/modules/*",
  ]); // prettier-ignore

  const kernels = (await readdir(join(tree, "boot"))).filter((name) => name.startsWith("vmlinuz-"));
  const [kernel] = kernels;
  if (kernel === undefined || kernels.length > 1)
    throw new RootfsContentError(`expected one kernel in the root filesystem, found ${kernels.length}`);
  const release = kernel.slice("vmlinuz-".length);
  await copyFile(join(tree, "boot", kernel), join(dir, "kernel"));
  await rename(join(tree, "usr/bin/busybox"), join(dir, "busybox"));
  await rename(join(tree, "etc/ssl/certs/ca-certificates.crt"), join(dir, "ca-certificates.crt"));
  await rename(join(tree, "usr/share/meta-k3s-testbed/busybox-applets"), join(dir, "busybox-applets"));

  const modulesDir = join(tree, "usr/lib/modules", release);
  const modules = planModules({
    wanted: architecture.initrdModules,
    dependencies: await readFile(join(modulesDir, "modules.dep"), "utf8"),
    builtIn: await readFile(join(modulesDir, "modules.builtin"), "utf8"),
  });
  const initrd = join(dir, "initrd-tree");
  await mkdir(join(initrd, "bin"), { recursive: true });
  await mkdir(join(initrd, "modules"));
  await copyFile(join(dir, "busybox"), join(initrd, "bin/busybox"));
  await copyFile(where.initScript, join(initrd, "init"));
  await chmod(join(initrd, "bin/busybox"), 0o755);
  await chmod(join(initrd, "init"), 0o755);
  const order: string[] = [];
  for (const path of modules) {
    const target = join(initrd, "modules", basename(path));
    await copyFile(join(modulesDir, path), target);
    if (path.endsWith(".xz")) await ctx.exec.runCheck(["xz", "--decompress", target]);
    order.push(basename(path, ".xz"));
  }
  await writeFile(join(initrd, "modules/order"), order.map((name) => `${name}\n`).join(""));

  const names = ["bin", "bin/busybox", "init", "modules", ...["order", ...order].map((name) => `modules/${name}`)].sort();
  await ctx.exec.runCheck(
    ["cpio", "--create", "--format=newc", "--reproducible", "--owner=0:0", "--quiet", `--file=${join(dir, "initrd")}`],
    { cwd: initrd, input: `${names.join("\n")}\n` },
  );
  await writeFile(join(dir, "kernel-release"), `${release}\n`);
  await rm(tree, { recursive: true });
  await rm(initrd, { recursive: true });
}
