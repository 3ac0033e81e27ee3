# What has units names their packages.
SYSTEMD_PACKAGES ?= "${PN}"
