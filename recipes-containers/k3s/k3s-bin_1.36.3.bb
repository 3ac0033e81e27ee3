require k3s-1.36.3.inc
require k3s.inc

SUMMARY += "(official binary)"
# Of the program and of what it carries: busybox, iptables, coreutils and others under the GPL.
LICENSE = "Apache-2.0 & GPL-2.0-only & GPL-2.0-or-later & LGPL-2.1-or-later & BSD-3-Clause & MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

PV = "${@d.getVar('K3S_VERSION').removeprefix('v')}"

inherit k3s-release-file

K3S_RELEASE_FILE = "k3s${@{'x86_64': '', 'aarch64': '-arm64', 'arm': '-armhf'}.get(d.getVar('TARGET_ARCH'), '-none')}"

S = "${UNPACKDIR}"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -D -m 0755 ${UNPACKDIR}/${K3S_RELEASE_FILE_DOWNLOADED} ${D}${bindir}/k3s
    k3s_install_device_files
}

RPROVIDES:${PN} = "k3s"
RPROVIDES:${PN}-server = "k3s-server"
RPROVIDES:${PN}-agent = "k3s-agent"
RCONFLICTS:${PN} = "k3s"
RCONFLICTS:${PN}-server = "k3s-server"
RCONFLICTS:${PN}-agent += "k3s-agent"

# As upstream built it: a Go program that unpacks others, linked statically.
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_SYSROOT_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
# nooelint: oelint.vars.insaneskip
INSANE_SKIP:${PN} = "already-stripped ldflags textrel"
