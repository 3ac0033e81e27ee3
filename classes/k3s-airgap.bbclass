#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Declares archives of container images that a device has from the start, so that its pods need no registry.
#
# From a recipe, which then makes a package:
#
#   SRC_URI = "file://my-app.tar;unpack=0"
#   K3S_AIRGAP_ARCHIVES = "my-app.tar"
#   inherit k3s-airgap
#
# From an image, for files made elsewhere:
#
#   K3S_AIRGAP_ARCHIVES = "${DEPLOY_DIR_IMAGE}/my-app-oci.tar"
#   inherit k3s-airgap
#
# An archive is what `docker save` writes or a tar of an OCI layout, with full image names in it, compressed or not. The files
# are installed to ${datadir}/k3s/images, which is part of the image and may be read-only, and linked at boot into the directory
# that k3s imports from. The same rules make the empty .cache.json there that tells k3s to import an archive only when it changed.

K3S_AIRGAP_ARCHIVES ??= ""
K3S_AIRGAP_ARCHIVES[doc] = "Archives of container images: files in a recipe's SRC_URI, or full paths from an image."

inherit k3s-device-files

# BitBake unpacks an archive where it is not told otherwise, and nothing by that name is left to install.
def k3s_check_not_unpacked(d):
    import os
    files = (d.getVar("K3S_AIRGAP_ARCHIVES") or "").split()
    for uri in (d.getVar("SRC_URI") or "").split():
        _, _, path, _, _, parameters = bb.fetch.decodeurl(uri)
        name = parameters.get("downloadfilename") or os.path.basename(path)
        if name in files and bb.utils.to_boolean(parameters.get("unpack"), True):
            kept = ";".join(word for word in uri.split(";") if not word.startswith("unpack="))
            bb.fatal("SRC_URI of %s has '%s', which would be unpacked. Write %s;unpack=0" % (d.getVar("PN"), uri, kept))

python () {
    k3s_check_not_unpacked(d)
    k3s_device_files(d, "K3S_AIRGAP_ARCHIVES", "images", "/var/lib/rancher/k3s/agent/images",
        (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tbz", ".tar.lz4"))
}
