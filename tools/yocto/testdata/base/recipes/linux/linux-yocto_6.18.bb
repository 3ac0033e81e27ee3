SUMMARY = "The kernel that the layer's bbappend is for"
LICENSE = "GPL-2.0-only"
LINUX_VERSION = "6.18.1"
SRC_URI = "git://kernel.invalid/linux;branch=main"

inherit kernel kernel-yocto
