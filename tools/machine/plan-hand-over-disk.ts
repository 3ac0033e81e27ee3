import type { Architecture } from "./machine-spec.ts";

/** Label of the hand-over disk's filesystem, by which the guest finds it wherever it is plugged in. */
export const HAND_OVER_LABEL = "meta-k3s-run";

/**
 * Has the guest mount the disk where systemd's services look for credentials (systemd.exec(5), ImportCredential=), before tmpfiles are set up.
 * systemd-fstab-generator(8) knows `systemd.mount-extra=` from systemd 254 on. An emulated device may take minutes to be seen.
 */
export const HAND_OVER_ARGUMENT = `systemd.mount-extra=LABEL=${HAND_OVER_LABEL}:/run/credstore:ext4:ro,nodev,nosuid,noexec,x-systemd.device-timeout=600`;

/**
 * Whether a guest is handed its credentials on a disk instead of through fw_cfg: kernels of 32-bit Arm for several boards have no I/O port map, on
 * which CONFIG_FW_CFG_SYSFS depends (Linux drivers/firmware/Kconfig, arch/arm/Kconfig).
 */
export function takesHandOverDisk(arch: Architecture): boolean {
  return arch === "arm";
}
