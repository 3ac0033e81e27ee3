require recipes-containers/k3s/k3s-1.36.3.inc

SUMMARY = "The container images of k3s's packaged components"
DESCRIPTION = "With them the first start of a cluster needs no registry and no internet."
HOMEPAGE = "https://docs.k3s.io/installation/airgap"
SECTION = "containers"
# Of what is in the images: k3s's own and those of CoreDNS, Traefik, metrics-server, klipper, the local-path provisioner and busybox.
LICENSE = "Apache-2.0 & GPL-2.0-only & MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

PV = "${@d.getVar('K3S_VERSION').removeprefix('v')}"

COMPATIBLE_HOST = "(x86_64|aarch64|arm).*-linux"
REQUIRED_DISTRO_FEATURES = "k3s systemd"

K3S_RELEASE_FILE = "k3s-airgap-images-${@{'x86_64': 'amd64', 'aarch64': 'arm64', 'arm': 'arm'}.get(d.getVar('TARGET_ARCH'), 'none')}.tar.zst"
K3S_AIRGAP_ARCHIVES = "${K3S_RELEASE_FILE_DOWNLOADED}"

inherit features_check k3s-release-file k3s-airgap

S = "${UNPACKDIR}"

do_configure[noexec] = "1"
do_compile[noexec] = "1"
