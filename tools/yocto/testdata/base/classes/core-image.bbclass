# An image with what openembedded-core's have.
IMAGE_INSTALL ?= "packagegroup-core-boot ${CORE_IMAGE_EXTRA_INSTALL}"
CORE_IMAGE_EXTRA_INSTALL ?= ""
inherit image
