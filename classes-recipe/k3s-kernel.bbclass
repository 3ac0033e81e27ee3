#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Gives a kernel what k3s needs, and checks that it took effect (k3s-kernel-check).
#
# linux-yocto has it from this layer. For another kernel write a bbappend of one line:
#
#   inherit k3s-kernel
#
# A kernel that knows kernel-yocto's metadata gets the fragments as features (.scc). One that does not, as most vendors'
# kernels, has the same .cfg files merged into its configuration after its own do_configure.

inherit k3s-kernel-requirements k3s-kernel-check

FILESEXTRAPATHS:prepend := "${K3S_LAYERDIR}/recipes-kernel/linux:"

SRC_URI:append = " file://k3s;type=kmeta"

KERNEL_FEATURES:append = " ${@' '.join(concern + '.scc' for concern in d.getVar('K3S_KERNEL_CONCERNS').split())}"

k3s_merge_fragments() {
    for concern in ${K3S_KERNEL_CONCERNS}; do
        cat ${UNPACKDIR}/k3s/$concern.cfg >> ${B}/.config
    done
    oe_runmake -C ${S} O=${B} olddefconfig
}

do_configure:append() {
    if ${@'false' if bb.data.inherits_class('kernel-yocto', d) else 'true'}; then
        k3s_merge_fragments
    fi
}
