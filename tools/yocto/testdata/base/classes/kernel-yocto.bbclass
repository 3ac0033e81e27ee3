# Marks a kernel that takes fragments as features.
KERNEL_FEATURES ?= ""
