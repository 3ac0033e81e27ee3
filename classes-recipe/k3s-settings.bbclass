#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# What a user of the layer chooses, with its defaults. Set these in a distro or in local.conf, never in a recipe: several
# recipes and the image must agree on them. docs/layer.md tells where they end.

K3S_PROVIDER ??= "k3s"
K3S_PROVIDER[doc] = "Where the k3s program comes from: 'k3s' builds it from source, 'k3s-bin' takes the pinned official binary."

K3S_SNAPSHOTTER ??= "overlayfs"
K3S_SNAPSHOTTER[doc] = "How containers' filesystems are kept: overlayfs, btrfs, zfs, native or fuse-overlayfs. Sets k3s's \
configuration, the mounts before it, the packages and what is demanded of the kernel."

K3S_FLANNEL_BACKEND ??= "vxlan"
K3S_FLANNEL_BACKEND[doc] = "How pods of one node reach those of another: vxlan, host-gw (all nodes on one wire), wireguard-native \
(encrypted) or none (a CNI of your own)."

K3S_IPTABLES ??= "legacy"
K3S_IPTABLES[doc] = "The kind of the device's iptables command: 'legacy', as OpenEmbedded builds it, or 'nft' where the product sets \
PACKAGECONFIG:append:pn-iptables = ' libnftnl'. Only what is demanded of the kernel follows from it."

K3S_DATASTORE ??= "sqlite"
K3S_DATASTORE[doc] = "Where the cluster's state is kept: 'sqlite' (one server), 'sqlite-durable' (as that, and nothing that the server has \
acknowledged is lost when the power goes, for one flush of the disk at each write), 'etcd' (embedded, for three or more servers), or the \
endpoint of an external one, as mysql://..., postgres://... or https://... for etcd. A password in it would be in the image: \
give an endpoint that has one on the device instead, in /etc/rancher/k3s/config.yaml.d/."

K3S_DISABLE ??= ""
K3S_DISABLE[doc] = "Packaged components that the server does not deploy, separated by blanks: coredns, servicelb, traefik, \
local-storage, metrics-server, runtimes."

K3S_NODE_LABELS ??= ""
K3S_NODE_LABELS[doc] = "Labels that every node made from the image gives itself, KEY=VALUE separated by blanks."

K3S_NODE_IP ??= ""
K3S_NODE_IP[doc] = "The address that a node announces, where it has several. The same for all devices with the image, so mostly set \
on the device instead."

K3S_DATA_PARTITION ??= ""
K3S_DATA_PARTITION[doc] = "The partition that keeps k3s's state, as systemd names devices (/dev/disk/by-partlabel/k3s-data). It is \
formatted at the first boot if it is empty, never if it holds anything. Empty: the state is on the root \
filesystem. A board's layout must have it: docs/layer.md, The data partition."

K3S_DATA_PARTITION_SIZE ??= "4G"
K3S_DATA_PARTITION_SIZE[doc] = "Size of the partition k3s-data on the disk that an image for QEMU has, as wic writes sizes: '4G', '4096M'. \
A board's own layout says it itself."

# Checked where they are used, with the line to write. One list for each setting, so that the message can show it.
def k3s_check_settings(d):
    import re

    allowed = {
        "K3S_PROVIDER": ("k3s", "k3s-bin"),
        "K3S_SNAPSHOTTER": ("overlayfs", "btrfs", "zfs", "native", "fuse-overlayfs"),
        "K3S_FLANNEL_BACKEND": ("vxlan", "host-gw", "wireguard-native", "none"),
        "K3S_IPTABLES": ("legacy", "nft"),
    }
    for name, values in allowed.items():
        value = d.getVar(name)
        if value not in values:
            bb.fatal("%s is '%s'. Write one of these: %s" % (name, value, ", ".join('%s = "%s"' % (name, v) for v in values)))

    datastore = d.getVar("K3S_DATASTORE")
    if datastore not in ("sqlite", "sqlite-durable", "etcd") and "://" not in datastore:
        bb.fatal("K3S_DATASTORE is '%s'. Write K3S_DATASTORE = 'sqlite', 'sqlite-durable', 'etcd' or an endpoint, as 'postgres://db.example.com:5432/k3s'" % datastore)

    for label in (d.getVar("K3S_NODE_LABELS") or "").split():
        if "=" not in label:
            bb.fatal("K3S_NODE_LABELS holds '%s'. Write K3S_NODE_LABELS = \"KEY=VALUE KEY=VALUE\"" % label)

    partition = d.getVar("K3S_DATA_PARTITION")
    if partition and not partition.startswith("/dev/"):
        bb.fatal("K3S_DATA_PARTITION is '%s'. Write K3S_DATA_PARTITION = \"/dev/disk/by-partlabel/k3s-data\"" % partition)

    size = d.getVar("K3S_DATA_PARTITION_SIZE")
    if not re.fullmatch(r"[1-9][0-9]*[MG]", size):
        bb.fatal("K3S_DATA_PARTITION_SIZE is '%s'. Write K3S_DATA_PARTITION_SIZE = \"4G\" or \"4096M\"" % size)

# The architecture as the kernel fragments name it; empty on one that k3s is not built for.
def k3s_arch(d):
    arch = d.getVar("TARGET_ARCH")
    return {"x86_64": "x86-64", "aarch64": "arm64", "arm": "arm"}.get(arch, "")
