# A recipe whose output is the same for each architecture.
PACKAGE_ARCH = "all"
