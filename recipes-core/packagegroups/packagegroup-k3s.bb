SUMMARY = "What a Kubernetes node needs"
DESCRIPTION = "Follows the settings K3S_*: the provider, the snapshotter's tools and the kernel modules that the fragments list."

PACKAGE_ARCH = "${TUNE_PKGARCH}"

inherit packagegroup features_check k3s-settings k3s-kernel-requirements

REQUIRED_DISTRO_FEATURES = "k3s systemd"

PACKAGES = "${PN}-server ${PN}-agent ${PN}-node"

SUMMARY:${PN}-server = "A server of a cluster, which is a node too"
RDEPENDS:${PN}-server = "${K3S_PROVIDER}-server ${PN}-node"

SUMMARY:${PN}-agent = "An agent: a node of a cluster that has its server elsewhere"
RDEPENDS:${PN}-agent = "${K3S_PROVIDER}-agent ${PN}-node"

# What the snapshotter needs beside the kernel.
K3S_SNAPSHOTTER_PACKAGES[btrfs] = "btrfs-tools"
K3S_SNAPSHOTTER_PACKAGES[zfs] = "zfs"
K3S_SNAPSHOTTER_PACKAGES[fuse-overlayfs] = "k3s-fuse-overlayfs"

SUMMARY:${PN}-node = "What servers and agents share"
RDEPENDS:${PN}-node = "\
    ${K3S_PROVIDER} \
    ${@d.getVarFlag('K3S_SNAPSHOTTER_PACKAGES', d.getVar('K3S_SNAPSHOTTER')) or ''} \
    ${@bb.utils.contains_any('K3S_SNAPSHOTTER', 'btrfs zfs', 'k3s-data-partition', '', d)} \
    ${@'k3s-data-partition' if d.getVar('K3S_DATA_PARTITION') else ''} \
"
# A module that is built into the kernel has no package; k3s-kernel-check sees to those that are nowhere.
RRECOMMENDS:${PN}-node = "${@' '.join(k3s_kernel_module_packages(d))}"

python () {
    k3s_check_settings(d)
}
