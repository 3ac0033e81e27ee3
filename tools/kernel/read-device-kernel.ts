import type { GuestShell } from "../cluster/guest-shell.ts";
import { type DeviceKernel, parseDeviceKernel } from "./parse-device-kernel.ts";

/** Unpacking a configuration and walking /lib/modules on a slow card, under emulation. */
const TIMEOUT_MS = 120_000;

/**
 * The kernel's own copy first (CONFIG_IKCONFIG_PROC, of which the kernel that runs is the only source), then where distributions put it. The module
 * `configs` is loaded for it as k3s's own contrib/util/check-config.sh does. Plain sh and what busybox has.
 */
const SCRIPT = `
release=$(uname -r)
echo "@release $release"
echo "@machine $(uname -m)"
echo "@iptables $(iptables --version 2>/dev/null)"
[ -r /proc/config.gz ] || modprobe configs 2>/dev/null
for file in /proc/config.gz "/boot/config-$release" /boot/config "/usr/lib/modules/$release/config" "/lib/modules/$release/build/.config"; do
  [ -r "$file" ] || continue
  echo "@config $file"
  case $file in *.gz) zcat "$file" || gzip -dc "$file" ;; *) cat "$file" ;; esac
  break
done
echo "@modules"
find "/lib/modules/$release/" -name '*.ko*' 2>/dev/null
cat "/lib/modules/$release/modules.builtin" 2>/dev/null
true`;

/** Reads the kernel that runs on a device: configuration, modules, kind of iptables. Throws GuestError, ConfigError (parseDeviceKernel). */
export async function readDeviceKernel(shell: Pick<GuestShell, "runCheck">, device: string): Promise<DeviceKernel> {
  return parseDeviceKernel((await shell.runCheck(SCRIPT, { timeoutMs: TIMEOUT_MS })).stdout, device);
}
