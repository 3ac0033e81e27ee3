SUMMARY = "Layered filesystems as a process, for k3s"
DESCRIPTION = "The program behind the snapshotter fuse-overlayfs, in k3s's private directory: it can be installed beside another one."
HOMEPAGE = "https://github.com/containers/fuse-overlayfs"
SECTION = "containers"
LICENSE = "GPL-2.0-or-later"
LIC_FILES_CHKSUM = "file://COPYING;md5=b234ee4d69f5fce4486a80fdaf4a4263"

DEPENDS = "fuse3"

SRC_URI = "git://github.com/containers/fuse-overlayfs;protocol=https;branch=main"
SRCREV = "9ad6545b25934cd74f9cce4109a022be2c2492cd"

inherit autotools features_check pkgconfig

REQUIRED_DISTRO_FEATURES = "k3s systemd"

# The program is found in the PATH of k3s's units.
EXTRA_OECONF = "--bindir=${libexecdir}/k3s"

FILES:${PN} += "${libexecdir}/k3s"
# containerd mounts it through mount.fuse3 (core/mount/mount_linux.go, allowedHelperBinaries).
RDEPENDS:${PN} = "fuse3-utils"
RRECOMMENDS:${PN} = "kernel-module-fuse"
