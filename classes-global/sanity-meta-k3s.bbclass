#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Says once at the start of a build where meta-k3s is among the layers but cannot act, and which line to write.
#
# The layer changes nothing unless `k3s` is in DISTRO_FEATURES. A build that has it among its layers for another build's sake
# sets SKIP_META_K3S_SANITY_CHECK.

SKIP_META_K3S_SANITY_CHECK ??= "0"
SKIP_META_K3S_SANITY_CHECK[doc] = "Set to 1 where meta-k3s is among the layers and is meant to do nothing: no warning then."

addhandler k3s_sanity_eventhandler
k3s_sanity_eventhandler[eventmask] = "bb.event.SanityCheck"
python k3s_sanity_eventhandler() {
    features = (e.data.getVar("DISTRO_FEATURES") or "").split()
    if "k3s" not in features:
        if not bb.utils.to_boolean(e.data.getVar("SKIP_META_K3S_SANITY_CHECK")):
            bb.warn("""The layer meta-k3s is included, but 'k3s' is not in DISTRO_FEATURES, so it changes nothing. To use it, write in your
distro or local.conf:
    DISTRO_FEATURES:append = " k3s"
or, to keep the layer without using it:
    SKIP_META_K3S_SANITY_CHECK = "1"
""")
    elif "systemd" not in features:
        bb.warn("""'k3s' is in DISTRO_FEATURES, but 'systemd' is not, and k3s is run by systemd alone: its recipes will be skipped. Write in
your distro or local.conf:
    INIT_MANAGER = "systemd"
""")
}
