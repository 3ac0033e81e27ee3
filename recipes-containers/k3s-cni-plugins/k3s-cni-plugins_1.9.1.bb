require recipes-containers/k3s/k3s-1.36.3.inc

SUMMARY = "The CNI plugins that k3s was released with"
DESCRIPTION = "One program with the plugins bandwidth, bridge, firewall, flannel, host-local, loopback and portmap, in k3s's \
private directory: it can be installed beside other plugins and does not meet them."
HOMEPAGE = "https://github.com/rancher/plugins"
SECTION = "containers"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "\
    file://src/${GO_IMPORT}/LICENSE;md5=e3fc50a88d0a364313df4b21ef20c29e \
    file://flannel/LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57 \
"

GO_IMPORT = "github.com/containernetworking/plugins"
# The releases for k3s are tags that are on no branch.
SRC_URI = "\
    git://github.com/rancher/plugins;protocol=https;nobranch=1;name=plugins;destsuffix=${GO_SRCURI_DESTSUFFIX} \
    git://github.com/flannel-io/cni-plugin;protocol=https;branch=main;name=flannel;destsuffix=${BP}/flannel \
"
SRCREV_plugins = "${K3S_COMMIT_CNIPLUGINS}"
SRCREV_flannel = "${K3S_COMMIT_FLANNEL_PLUGIN}"
SRCREV_FORMAT = "plugins_flannel"

inherit features_check k3s-go

REQUIRED_DISTRO_FEATURES = "k3s systemd"

K3S_PLUGINS = "bandwidth bridge firewall flannel host-local loopback portmap"

# Upstream carries its modules. No plugin needs C.
K3S_GO_MODFLAG = "-mod=vendor"
CGO_ENABLED = "0"
K3S_GO_LDFLAGS = "\
    -X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=${K3S_VERSION_CNIPLUGINS} \
    -X github.com/containernetworking/plugins/plugins/meta/flannel.Program=flannel \
    -X github.com/containernetworking/plugins/plugins/meta/flannel.Version=${K3S_VERSION_FLANNEL_PLUGIN}+${K3S_VERSION_FLANNEL} \
    -X github.com/containernetworking/plugins/plugins/meta/flannel.Commit=HEAD \
    -X github.com/containernetworking/plugins/plugins/meta/flannel.buildDate=$build_date \
"

# As k3s's own build does: the flannel plugin is a program of its own upstream, and becomes a package of this one.
do_configure:append() {
    plugin=${S}/src/${GO_IMPORT}/plugins/meta/flannel
    rm -rf $plugin
    install -d $plugin
    for file in ${S}/flannel/*.go; do
        sed -e 's/package main/package flannel/' -e 's/func main/func Main/' $file > $plugin/$(basename $file)
    done
}

do_compile() {
    k3s_go_build ${B}/bin/cni . "netgo osusergo"
}

do_install() {
    install -D -m 0755 ${B}/bin/cni ${D}${libexecdir}/k3s/cni
    for plugin in ${K3S_PLUGINS}; do
        ln -s cni ${D}${libexecdir}/k3s/$plugin
    done
}

FILES:${PN} += "${libexecdir}/k3s"
