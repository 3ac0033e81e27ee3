#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# What k3s needs of the kernel of this build, for the classes and recipes that check, merge or install it. Not to be inherited by
# itself. The list is in recipes-kernel/linux/k3s/*.cfg and nowhere else.

inherit k3s-settings

K3S_KERNEL_FRAGMENTS = "${K3S_LAYERDIR}/recipes-kernel/linux/k3s"
K3S_KERNEL_FRAGMENTS[vardepvalue] = ""

# The fragments that the settings ask for, by name and without suffix; those of other snapshotters and backends stay out.
K3S_KERNEL_CONCERNS = "cgroups namespaces network netfilter netfilter-legacy netfilter-nft overlay \
${@{'vxlan': 'vxlan', 'wireguard-native': 'wireguard'}.get(d.getVar('K3S_FLANNEL_BACKEND'), '')} \
${@{'btrfs': 'btrfs', 'zfs': 'zfs', 'fuse-overlayfs': 'fuse'}.get(d.getVar('K3S_SNAPSHOTTER'), '')}"
K3S_KERNEL_CONCERNS[doc] = "The kernel fragments to merge, by name. Follows K3S_SNAPSHOTTER and K3S_FLANNEL_BACKEND."

# What the conditions in the fragments are compared with.
def k3s_kernel_settings(d):
    return {
        "snapshotter": d.getVar("K3S_SNAPSHOTTER"),
        "flannel": d.getVar("K3S_FLANNEL_BACKEND"),
        "iptables": d.getVar("K3S_IPTABLES"),
        "arch": k3s_arch(d),
    }

# The packages of all modules that could be needed: kernels of any version, since a package that is not there is only recommended.
def k3s_kernel_module_packages(d):
    from k3s_layer import kernel_config

    settings = k3s_kernel_settings(d)
    requirements = kernel_config.read_fragments(d.getVar("K3S_KERNEL_FRAGMENTS"))
    modules = {
        module
        for requirement in requirements
        if all(settings[name] in values for name, values in requirement.conditions.items())
        for module in requirement.modules
    }
    return sorted("kernel-module-" + module.lower().replace("_", "-") for module in modules)

# A changed fragment must be seen by the parse cache and by the tasks that read it.
python () {
    import glob
    import os

    for path in sorted(glob.glob(os.path.join(d.getVar("K3S_KERNEL_FRAGMENTS"), "*.cfg"))):
        bb.parse.mark_dependency(d, path)
}
