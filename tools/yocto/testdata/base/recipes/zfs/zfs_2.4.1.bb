SUMMARY = "The recipe of meta-filesystems that the layer's bbappend is for"
LICENSE = "CDDL-1.0"
EXTRA_OECONF = "--with-config=user --enable-linux-builtin"
COMPATIBLE_HOST:aarch64 = "null"

inherit autotools pkgconfig
