#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Declares manifests that the cluster of an image deploys by itself at its first start.
#
# From a recipe, which then makes a package to install on servers:
#
#   SRC_URI = "file://my-app.yaml"
#   K3S_MANIFESTS = "my-app.yaml"
#   inherit k3s-manifests
#
# From an image, for files that are in the image recipe's folder:
#
#   K3S_MANIFESTS = "${THISDIR}/files/my-app.yaml"
#   inherit k3s-manifests
#
# The files are installed to ${datadir}/k3s/manifests, which is part of the image and may be read-only, and linked at boot into
# the directory that k3s deploys from, which is state. A file that a new image no longer has is a link to nothing then: k3s
# forgets it, but what it deployed stays until it is deleted from the cluster.

K3S_MANIFESTS ??= ""
K3S_MANIFESTS[doc] = "Manifests (.yaml, .yml or .json) to deploy: files in a recipe's SRC_URI, or full paths from an image."

inherit k3s-device-files

python () {
    k3s_device_files(d, "K3S_MANIFESTS", "manifests", "/var/lib/rancher/k3s/server/manifests", (".yaml", ".yml", ".json"))
}
