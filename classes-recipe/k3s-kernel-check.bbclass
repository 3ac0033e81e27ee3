#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Fails a kernel's build where its final .config lacks something that k3s requires, and names the fragment that should have set it.
#
# A fragment is a request: a symbol whose dependencies are not met is left out without a word. k3s-kernel inherits this class; a
# kernel that is configured by other means can inherit it alone. k3s-kernel-check-image does the same for the modules of an image.

inherit k3s-kernel-requirements

K3S_KERNEL_CHECK ??= "error"
K3S_KERNEL_CHECK[doc] = "What a required symbol or module that is missing does: 'error' fails the build, 'warn' only tells."

def k3s_kernel_report(d, title, lines):
    if not lines:
        return
    text = "%s\n%s" % (title, "\n".join("  " + line for line in lines))
    if d.getVar("K3S_KERNEL_CHECK") == "warn":
        bb.warn(text)
    else:
        bb.fatal(text)

python do_k3s_kernel_check() {
    import os
    from k3s_layer import kernel_config

    with open(os.path.join(d.getVar("B"), ".config"), encoding="utf-8") as file:
        config = kernel_config.parse_config(file.read())
    version = kernel_config.parse_version(oe.utils.read_file(os.path.join(d.getVar("B"), "include/config/kernel.release")) or d.getVar("LINUX_VERSION") or d.getVar("PV"))
    requirements = kernel_config.read_fragments(d.getVar("K3S_KERNEL_FRAGMENTS"))
    missing = kernel_config.missing_symbols(requirements, config, k3s_kernel_settings(d), version)

    def lines(level):
        return [kernel_config.describe(r, config.get(r.symbol)) for r in missing if r.level == level]

    for line in lines("recommended"):
        bb.note("k3s recommends: " + line)
    k3s_kernel_report(d, "This kernel cannot run k3s. Its final configuration lacks:", lines("required"))
}
addtask k3s_kernel_check after do_configure before do_compile
do_k3s_kernel_check[vardeps] += "K3S_SNAPSHOTTER K3S_FLANNEL_BACKEND K3S_IPTABLES"
do_k3s_kernel_check[file-checksums] += "${@' '.join('%s/%s.cfg:True' % (d.getVar('K3S_KERNEL_FRAGMENTS'), c) for c in d.getVar('K3S_KERNEL_CONCERNS').split())}"
