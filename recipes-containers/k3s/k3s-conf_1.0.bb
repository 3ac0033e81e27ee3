SUMMARY = "k3s's configuration, from the layer's settings"
DESCRIPTION = "Writes /etc/rancher/k3s/config.yaml and config.yaml.d/. A product that has its own names its package in \
VIRTUAL-RUNTIME_k3s-conf, or adds files to config.yaml.d/ from a package of its own: they are read in the order of their names."
HOMEPAGE = "https://docs.k3s.io/installation/configuration"
SECTION = "containers"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

inherit allarch features_check k3s-settings

REQUIRED_DISTRO_FEATURES = "k3s systemd"

SRC_URI = "\
    file://Makefile \
    file://config.yaml \
    file://crictl.yaml \
    file://kubelet.yaml \
"
S = "${UNPACKDIR}"

python () {
    k3s_check_settings(d)
}

# JSON is YAML, and quoting it is not ours to get wrong.
def k3s_yaml(key, value):
    import json
    return "%s: %s" % (key, json.dumps(value))

# k3s's own database with the parameters of its default (kine, pkg/drivers/sqlite/sqlite.go, DefaultParams), but for the flush: with
# NORMAL the write-ahead log reaches the disk with the kernel's next write-back (https://www.sqlite.org/pragma.html#pragma_synchronous).
K3S_SQLITE_DURABLE = "sqlite:///var/lib/rancher/k3s/server/db/state.db?_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&\
_txlock=immediate&_stmt_cache_size=20&cache=shared"

# What every node is told.
def k3s_node_config(d):
    lines = [k3s_yaml("snapshotter", d.getVar("K3S_SNAPSHOTTER"))]
    labels = (d.getVar("K3S_NODE_LABELS") or "").split()
    if labels:
        lines.append(k3s_yaml("node-label+", labels))
    if d.getVar("K3S_NODE_IP"):
        lines.append(k3s_yaml("node-ip", d.getVar("K3S_NODE_IP")))
    return lines

# What only a server understands: an agent does not start with one of these among its settings (k3s: pkg/configfilearg/defaultparser.go).
def k3s_server_config(d):
    lines = [k3s_yaml("write-kubeconfig-mode", "0600"), k3s_yaml("flannel-backend", d.getVar("K3S_FLANNEL_BACKEND"))]
    disabled = (d.getVar("K3S_DISABLE") or "").split()
    if disabled:
        lines.append(k3s_yaml("disable+", disabled))
    datastore = d.getVar("K3S_DATASTORE")
    if datastore == "etcd":
        lines.append(k3s_yaml("cluster-init", True))
    elif datastore == "sqlite-durable":
        lines.append(k3s_yaml("datastore-endpoint", d.getVar("K3S_SQLITE_DURABLE")))
    elif datastore != "sqlite":
        lines.append(k3s_yaml("datastore-endpoint", datastore))
    return lines

python do_compile() {
    import os
    for name, lines in (("10-node.yaml", k3s_node_config(d)), ("20-server.yaml", k3s_server_config(d))):
        with open(os.path.join(d.getVar("B"), name), "w") as file:
            file.write("# Written by the recipe k3s-conf from the settings K3S_* of the build.\n")
            file.write("\n".join(lines) + "\n")
}
do_compile[dirs] = "${B}"
do_compile[vardeps] += "K3S_SNAPSHOTTER K3S_NODE_LABELS K3S_NODE_IP K3S_FLANNEL_BACKEND K3S_DISABLE K3S_DATASTORE K3S_SQLITE_DURABLE"

B = "${WORKDIR}/build"

do_install() {
    oe_runmake -C ${UNPACKDIR} install-conf DESTDIR=${D} sysconfdir=${sysconfdir}
    install -m 0644 ${B}/10-node.yaml ${D}${sysconfdir}/rancher/k3s/config.yaml.d/10-node.yaml
    # An endpoint may carry a password.
    install -m 0600 ${B}/20-server.yaml ${D}${sysconfdir}/rancher/k3s/config.yaml.d/20-server.yaml
}

PACKAGE_BEFORE_PN = "${PN}-server"
FILES:${PN}-server = "${sysconfdir}/rancher/k3s/config.yaml.d/20-server.yaml"
RDEPENDS:${PN}-server = "${PN}"
CONFFILES:${PN} = "${sysconfdir}/crictl.yaml ${sysconfdir}/rancher/k3s/config.yaml ${sysconfdir}/rancher/k3s/kubelet.yaml ${sysconfdir}/rancher/k3s/config.yaml.d/10-node.yaml"
CONFFILES:${PN}-server = "${sysconfdir}/rancher/k3s/config.yaml.d/20-server.yaml"
