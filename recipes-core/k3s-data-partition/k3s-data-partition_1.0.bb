SUMMARY = "Prepares the partition that k3s keeps its state on"
DESCRIPTION = "At the first boot an empty partition is given a filesystem (or a ZFS pool) and what the image has for it; one that holds \
anything at all is left as it is. Then it is mounted where k3s keeps its state, and the snapshotter's directory on it, before k3s starts."
HOMEPAGE = "https://docs.k3s.io/cli/agent"
SECTION = "containers"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "\
    file://k3s-data-partition.service \
    file://prepare-data-partition \
"
S = "${UNPACKDIR}"

inherit allarch features_check k3s-settings systemd

REQUIRED_DISTRO_FEATURES = "k3s systemd"

python () {
    k3s_check_settings(d)
    if not d.getVar("K3S_DATA_PARTITION"):
        raise bb.parse.SkipRecipe("K3S_DATA_PARTITION is empty, and K3S_SNAPSHOTTER = \"%s\" keeps its layers on a partition of its own. \
Write K3S_DATA_PARTITION = \"/dev/disk/by-partlabel/k3s-data\"" % d.getVar("K3S_SNAPSHOTTER"))
}

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${libexecdir}/k3s ${D}${systemd_system_unitdir}
    # Where it is mounted; a read-only root filesystem could not be given it.
    install -d ${D}${localstatedir}/lib/rancher
    sed -e 's,@partition@,${K3S_DATA_PARTITION},g' -e 's,@snapshotter@,${K3S_SNAPSHOTTER},g' \
        ${UNPACKDIR}/prepare-data-partition > ${D}${libexecdir}/k3s/prepare-data-partition
    chmod 0755 ${D}${libexecdir}/k3s/prepare-data-partition
    sed -e 's,@libexecdir@,${libexecdir},g' -e 's,@device@,${@k3s_device_unit(d)},g' \
        ${UNPACKDIR}/k3s-data-partition.service > ${D}${systemd_system_unitdir}/k3s-data-partition.service
    chmod 0644 ${D}${systemd_system_unitdir}/k3s-data-partition.service
}

# systemd's name for the device's unit: systemd-escape --path.
def k3s_device_unit(d):
    import re
    path = (d.getVar("K3S_DATA_PARTITION") or "").strip("/")
    return re.sub(r"[^A-Za-z0-9:_./]", lambda match: "\\\\x%02x" % ord(match[0]), path).replace("/", "-") + ".device"

SYSTEMD_SERVICE:${PN} = "k3s-data-partition.service"
FILES:${PN} += "${libexecdir}/k3s ${localstatedir}/lib/rancher"

K3S_FILESYSTEM_TOOLS[btrfs] = "btrfs-tools"
K3S_FILESYSTEM_TOOLS[zfs] = "zfs"
RDEPENDS:${PN} = "${@d.getVarFlag('K3S_FILESYSTEM_TOOLS', d.getVar('K3S_SNAPSHOTTER')) or 'e2fsprogs-mke2fs e2fsprogs-tune2fs'} util-linux-blkid util-linux-mount"
