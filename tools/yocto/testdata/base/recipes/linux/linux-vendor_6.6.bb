SUMMARY = "A kernel without kernel-yocto's metadata, with the line that docs/kernel.md has for it"
LICENSE = "GPL-2.0-only"
LINUX_VERSION = "6.6.1"
SRC_URI = "git://kernel.invalid/linux;branch=main"

inherit kernel k3s-kernel
