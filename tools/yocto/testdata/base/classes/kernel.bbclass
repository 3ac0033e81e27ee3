# A kernel: where it is configured.
B = "${WORKDIR}/build"
KERNEL_CC = "gcc"
KERNEL_LD = "ld"
