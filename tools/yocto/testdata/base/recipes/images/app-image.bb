SUMMARY = "A product's image that declares the same files"
LICENSE = "MIT"
APP_FILES = "${@os.path.normpath(d.getVar('THISDIR') + '/../app/files')}"
APP_MANIFESTS ?= "${APP_FILES}/app.yaml"
APP_ARCHIVES ?= "${APP_FILES}/app.tar"
K3S_MANIFESTS = "${APP_MANIFESTS}"
K3S_AIRGAP_ARCHIVES = "${APP_ARCHIVES}"

inherit core-image k3s-manifests k3s-airgap
