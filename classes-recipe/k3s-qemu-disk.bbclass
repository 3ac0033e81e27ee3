#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# The disk of a QEMU machine whose k3s keeps its state on a partition: the root filesystem and an empty partition k3s-data, which runqemu
# starts with the kernel beside it. k3s-data-partition-image.bbclass inherits this where it is wanted.

WKS_FILE = "qemu-k3s-data.wks.in"
# What OE-core has wic wait for by default, without the boot loaders.
WKS_FILE_DEPENDS ?= "${WKS_FILE_DEPENDS_DEFAULT}"

# Raw, because the Arm machines' QB_ROOTFS_OPT says format=raw.
IMAGE_FSTYPES:append = " wic"
QB_DEFAULT_FSTYPE ?= "wic"
QB_FSINFO ?= "wic:no-kernel-in-fs"
QB_KERNEL_ROOT ?= "/dev/vda1"
