#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Fetches one file of a k3s release, which must have its checksum recorded in k3s-<version>.inc.
#
#   K3S_RELEASE_FILE = "k3s-arm64"
#   inherit k3s-release-file
#
# The file is in ${UNPACKDIR} under the name in K3S_RELEASE_FILE_DOWNLOADED, which tells versions and architectures apart: all of
# them share one download directory.

K3S_RELEASE_FILE ??= ""
K3S_RELEASE_FILE[doc] = "The release file's name, as k3s-arm64 or k3s-airgap-images-arm.tar.zst."

K3S_RELEASE_URL ?= "https://github.com/k3s-io/k3s/releases/download"
K3S_RELEASE_URL[doc] = "Where releases of k3s are fetched from; a folder for each version is below it."

K3S_RELEASE_FILE_SHA256 = "${@d.getVarFlag('K3S_SHA256', d.getVar('K3S_RELEASE_FILE')) or ''}"
K3S_RELEASE_FILE_DOWNLOADED = "k3s-${PV}-${K3S_RELEASE_FILE}"

SRC_URI:prepend = "${K3S_RELEASE_URL}/${@d.getVar('K3S_VERSION').replace('+', '%2B')}/${K3S_RELEASE_FILE};unpack=0;downloadfilename=${K3S_RELEASE_FILE_DOWNLOADED};sha256sum=${K3S_RELEASE_FILE_SHA256} "

UPSTREAM_CHECK_URI = "https://github.com/k3s-io/k3s/releases"
UPSTREAM_CHECK_REGEX = "releases/tag/v(?P<pver>\d+\.\d+\.\d+(\+|%2B)k3s\d+)"

python () {
    if not d.getVar("K3S_RELEASE_FILE_SHA256"):
        raise bb.parse.SkipRecipe("the checksum of %s of k3s %s is not recorded. Run `./meta-k3s generate k3s %s`, which records it" % (
            d.getVar("K3S_RELEASE_FILE"), d.getVar("K3S_VERSION"), d.getVar("K3S_VERSION")))
}
