require k3s-1.36.3.inc
require k3s.inc

LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://src/${GO_IMPORT}/LICENSE;md5=2ee41112a44fe7014dce33e26468ba93"

require k3s-go-mods.inc
require k3s-licenses.inc

PV = "${@d.getVar('K3S_VERSION').removeprefix('v')}"

inherit k3s-go

GO_IMPORT = "github.com/k3s-io/k3s"
SRC_URI += "\
    git://github.com/k3s-io/k3s;protocol=https;branch=${K3S_BRANCH};name=k3s;destsuffix=${GO_SRCURI_DESTSUFFIX} \
    ${K3S_CHART_URIS} \
    file://run_bundled_commands.go \
"
SRCREV_k3s = "${K3S_COMMIT}"
SRCREV_FORMAT = "k3s"
UPSTREAM_CHECK_GITTAGREGEX = "v(?P<pver>\d+\.\d+\.\d+\+k3s\d+)$"

PACKAGECONFIG ??= "${@bb.utils.filter('DISTRO_FEATURES', 'apparmor', d)} seccomp ${K3S_CHARTS_RECORDED}"
PACKAGECONFIG[apparmor] = ""
PACKAGECONFIG[seccomp] = ""
# The ingress controller: two Helm charts that the server hands to itself. On by default where their checksums are recorded.
PACKAGECONFIG[traefik] = ""

K3S_CHARTS_URL ?= "https://k3s.io/k3s-charts/assets"
K3S_CHARTS_URL[doc] = "Where the Helm charts of the packaged components are fetched from."

def k3s_charts(d):
    return (d.getVar("K3S_CHARTS") or "").split()

def k3s_charts_without_sum(d):
    import os
    return [chart for chart in k3s_charts(d) if not d.getVarFlag("K3S_SHA256", os.path.basename(chart))]

def k3s_chart_uris(d):
    import os
    if "traefik" not in d.getVar("PACKAGECONFIG").split():
        return ""
    return " ".join(
        "%s/%s;subdir=charts;unpack=0;sha256sum=%s" % (d.getVar("K3S_CHARTS_URL"), chart, d.getVarFlag("K3S_SHA256", os.path.basename(chart)))
        for chart in k3s_charts(d)
    )

K3S_CHARTS_RECORDED = "${@'' if k3s_charts_without_sum(d) else 'traefik'}"
K3S_CHART_URIS = "${@k3s_chart_uris(d)}"

python () {
    missing = k3s_charts_without_sum(d)
    if missing and "traefik" in d.getVar("PACKAGECONFIG").split():
        raise bb.parse.SkipRecipe("the checksums of %s are not recorded. Run `./meta-k3s generate k3s %s`, or remove traefik from \
PACKAGECONFIG" % (" and ".join(missing), d.getVar("K3S_VERSION")))
}

# Upstream's, without which containerd is not part of k3s (ctrd).
K3S_TAGS = "ctrd netcgo osusergo providerless urfave_cli_no_docs sqlite_omit_load_extension \
${@bb.utils.filter('PACKAGECONFIG', 'apparmor seccomp', d)}"
CGO_CFLAGS:append = " -DSQLITE_ENABLE_DBSTAT_VTAB=1 -DSQLITE_USE_ALLOCA=1"

# The versions that the parts report, and the image of the Helm job, which would be `:latest` otherwise.
K3S_GO_LDFLAGS = "\
    -X github.com/k3s-io/k3s/pkg/version.Version=${K3S_VERSION} \
    -X github.com/k3s-io/k3s/pkg/version.GitCommit=${@d.getVar('K3S_COMMIT')[:8]} \
    -X k8s.io/client-go/pkg/version.gitVersion=${K3S_VERSION} \
    -X k8s.io/client-go/pkg/version.gitCommit=${K3S_COMMIT} \
    -X k8s.io/client-go/pkg/version.gitTreeState=clean \
    -X k8s.io/client-go/pkg/version.buildDate=$build_date \
    -X k8s.io/component-base/version.gitVersion=${K3S_VERSION} \
    -X k8s.io/component-base/version.gitCommit=${K3S_COMMIT} \
    -X k8s.io/component-base/version.gitTreeState=clean \
    -X k8s.io/component-base/version.buildDate=$build_date \
    -X sigs.k8s.io/cri-tools/pkg/version.Version=${K3S_VERSION_CRICTL} \
    -X github.com/containerd/containerd/v2/version.Version=${K3S_VERSION_CONTAINERD} \
    -X github.com/containerd/containerd/v2/version.Package=${K3S_PACKAGE_CONTAINERD} \
    -X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=${K3S_VERSION_CNIPLUGINS} \
    -X github.com/containernetworking/plugins/plugins/meta/flannel.Program=flannel \
    -X github.com/containernetworking/plugins/plugins/meta/flannel.Version=${K3S_VERSION_FLANNEL_PLUGIN}+${K3S_VERSION_FLANNEL} \
    -X github.com/containernetworking/plugins/plugins/meta/flannel.Commit=HEAD \
    -X github.com/containernetworking/plugins/plugins/meta/flannel.buildDate=$build_date \
    -X github.com/cloudnativelabs/kube-router/v2/pkg/version.Version=${K3S_VERSION_KUBE_ROUTER} \
    -X github.com/cloudnativelabs/kube-router/v2/pkg/version.BuildDate=$build_date \
    -X github.com/Mirantis/cri-dockerd/cmd/version.Version=${K3S_VERSION_CRI_DOCKERD} \
    -X github.com/Mirantis/cri-dockerd/cmd/version.GitCommit=HEAD \
    -X github.com/Mirantis/cri-dockerd/cmd/version.BuildTime=$build_date \
    -X go.etcd.io/etcd/api/v3/version.GitSHA=HEAD \
    -X github.com/k3s-io/helm-controller/pkg/controllers/chart.DefaultJobImage=rancher/klipper-helm:${K3S_VERSION_HELM_JOB} \
"

# What the server deploys is part of the program. A chart that is not there cannot be deployed, so its manifest stays out.
do_configure:append() {
    # This layer's own: k3s kubectl, crictl and ctr, which upstream's front end would run.
    cp ${UNPACKDIR}/run_bundled_commands.go ${S}/src/${GO_IMPORT}/cmd/server/
    cp -R ${S}/src/${GO_IMPORT}/manifests/. ${S}/src/${GO_IMPORT}/pkg/deploy/embed/
    if ${@bb.utils.contains('PACKAGECONFIG', 'traefik', 'true', 'false', d)}; then
        install -d ${S}/src/${GO_IMPORT}/pkg/static/embed/charts
        cp ${UNPACKDIR}/charts/*.tgz ${S}/src/${GO_IMPORT}/pkg/static/embed/charts/
    else
        rm -f ${S}/src/${GO_IMPORT}/pkg/deploy/embed/traefik.yaml
    fi
}

do_compile() {
    k3s_go_build ${B}/bin/k3s ./cmd/server "${K3S_TAGS}"
    # From the same modules, so that containerd and its shim cannot differ. As upstream, the pure Go resolver: it is small.
    k3s_go_build ${B}/bin/containerd-shim-runc-v2 github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2 \
        "${@d.getVar('K3S_TAGS').replace('netcgo', 'netgo')}"
}

do_install() {
    install -D -m 0755 ${B}/bin/k3s ${D}${bindir}/k3s
    install -D -m 0755 ${B}/bin/containerd-shim-runc-v2 ${D}${libexecdir}/k3s/containerd-shim-runc-v2
    # k3s runs itself by this name as its container runtime.
    ln -rs ${D}${bindir}/k3s ${D}${libexecdir}/k3s/containerd
    k3s_install_device_files

    install -d ${D}${datadir}/k3s/contrib
    for tool in check-config.sh generate-custom-ca-certs.sh rotate-default-ca-certs.sh; do
        install -m 0755 ${S}/src/${GO_IMPORT}/contrib/util/$tool ${D}${datadir}/k3s/contrib/$tool
    done
}

RDEPENDS:${PN} += "k3s-cni-plugins k3s-runc"
# Written for bash, and for openssl.
RDEPENDS:${PN}-contrib = "bash openssl-bin"
