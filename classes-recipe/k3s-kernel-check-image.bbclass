#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Fails an image that lacks a kernel module k3s requires: neither a .ko in the root filesystem nor built in. A module that is missing
# is noticed at run time only, as a network policy or a service that does nothing.
#
#   inherit k3s-kernel-check-image

inherit k3s-kernel-requirements

K3S_KERNEL_CHECK ??= "error"

python k3s_check_modules() {
    import glob
    import os
    from k3s_layer import kernel_config

    trees = glob.glob(d.expand("${IMAGE_ROOTFS}${nonarch_base_libdir}/modules/*/"))
    if len(trees) != 1:
        k3s_module_report(d, "The image has the modules of %d kernels; k3s needs those of one. Write IMAGE_INSTALL:append = ' kernel-modules'" % len(trees))
        return
    version = kernel_config.parse_version(os.path.basename(trees[0].rstrip("/")))
    requirements = kernel_config.read_fragments(d.getVar("K3S_KERNEL_FRAGMENTS"))
    present = kernel_config.modules_present(trees[0])
    missing = [
        "%s.ko (%s, %s): %s" % (module, requirement.symbol, requirement.fragment, requirement.reason)
        for module, requirement in kernel_config.wanted_modules(requirements, k3s_kernel_settings(d), version)
        if requirement.level == "required" and kernel_config.normalised(module) not in present
    ]
    if missing:
        k3s_module_report(d, "The image lacks kernel modules that k3s requires:\n" + "\n".join("  " + line for line in missing))
}
k3s_check_modules[vardeps] += "K3S_SNAPSHOTTER K3S_FLANNEL_BACKEND K3S_IPTABLES"

def k3s_module_report(d, text):
    if d.getVar("K3S_KERNEL_CHECK") == "warn":
        bb.warn(text)
    else:
        oe.qa.handle_error("k3s-kernel-modules", text, d)

ERROR_QA:append = " k3s-kernel-modules"

IMAGE_QA_COMMANDS += "k3s_check_modules"
