#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Makes the modules below known to BitBake's parser, which then counts them into the signatures of the tasks that call them.
BBIMPORTS = ["disk_layout", "kernel_config"]
