require recipes-containers/k3s/k3s-1.36.3.inc

SUMMARY = "The container runtime that k3s was released with"
DESCRIPTION = "runc in k3s's private directory: it can be installed beside another runc and does not meet it."
HOMEPAGE = "https://github.com/opencontainers/runc"
SECTION = "containers"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://src/${GO_IMPORT}/LICENSE;md5=435b266b3899aa8a959f17d41c56def8"

DEPENDS += "libseccomp"

GO_IMPORT = "github.com/opencontainers/runc"
SRC_URI = "git://github.com/opencontainers/runc;protocol=https;branch=release-1.4;destsuffix=${GO_SRCURI_DESTSUFFIX}"
SRCREV = "${K3S_COMMIT_RUNC}"

inherit features_check k3s-go pkgconfig

REQUIRED_DISTRO_FEATURES = "k3s systemd"
CVE_PRODUCT = "linuxfoundation:runc opencontainers:runc"

PACKAGECONFIG ??= "${@bb.utils.filter('DISTRO_FEATURES', 'apparmor', d)}"
PACKAGECONFIG[apparmor] = ""

# Upstream carries its modules.
K3S_GO_MODFLAG = "-mod=vendor"
K3S_GO_LDFLAGS = "-X main.gitCommit=${K3S_COMMIT_RUNC}"

do_compile() {
    k3s_go_build ${B}/bin/runc . "seccomp urfave_cli_no_docs ${@bb.utils.filter('PACKAGECONFIG', 'apparmor', d)}"
}

do_install() {
    install -D -m 0755 ${B}/bin/runc ${D}${libexecdir}/k3s/runc
}

FILES:${PN} += "${libexecdir}/k3s/runc"
