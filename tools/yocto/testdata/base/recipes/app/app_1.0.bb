SUMMARY = "A product's application, with its manifest and its container image"
LICENSE = "MIT"
APP_MANIFESTS ?= "app.yaml"
APP_ARCHIVES ?= "app.tar"
SRC_URI = "file://app.yaml file://app.tar;unpack=0"
K3S_MANIFESTS = "${APP_MANIFESTS}"
K3S_AIRGAP_ARCHIVES = "${APP_ARCHIVES}"
S = "${UNPACKDIR}"

inherit k3s-manifests k3s-airgap
