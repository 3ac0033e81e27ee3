#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# Sees to it that an image has the partition that K3S_DATA_PARTITION names. Without that setting nothing changes.
#
#   inherit k3s-data-partition-image
#
# A QEMU machine gets the layout files/wic/qemu-k3s-data.wks.in in the place of OE-core's own, and runqemu starts it. A layout that was
# chosen (WKS_FILE, WKS_FILES) or that a board has stays as it is; where wic makes an image from it, it is looked through for the partition.
# It needs this line, and a GPT (bootloader --ptable gpt):
#
#   part --source empty --fstype=none --part-name k3s-data --fixed-size 4G --align 1024
#
# Where an installer or systemd-repart makes the partition, this silences the warning:
#
#   WARN_QA:remove = "k3s-data-partition"

inherit k3s-settings

# Whether to take the layer's layout: for a machine of QEMU whose layout is OE-core's or none. It is asked before OE-core's classes for
# images, whose inheritance is deferred, give WKS_FILE and WKS_FILES their defaults.
def k3s_wants_qemu_disk(d):
    return (
        d.getVar("K3S_DATA_PARTITION") == "/dev/disk/by-partlabel/k3s-data"
        and "qemuall" in (d.getVar("MACHINEOVERRIDES") or "").split(":")
        and d.getVar("WKS_FILE") in (None, "qemux86-directdisk.wks")
        and d.getVar("WKS_FILES") is None
    )

# nooelint: oelint.var.inherit.inherit_defer
inherit ${@'k3s-qemu-disk' if k3s_wants_qemu_disk(d) else ''}

# The label of the partition that a disk's layout has to have; empty where the setting names the partition in another way.
def k3s_partition_label(d):
    folder, _, label = (d.getVar("K3S_DATA_PARTITION") or "").rpartition("/")
    return label if folder == "/dev/disk/by-partlabel" else ""

python k3s_check_layout() {
    from k3s_layer import disk_layout

    label = k3s_partition_label(d)
    layout = d.getVar("WKS_FULL_PATH") or ""

    # wic looks for what is included beside the file that includes it.
    def read(name):
        path = os.path.join(os.path.dirname(layout), name)
        if not os.path.exists(path):
            return None
        with open(path) as file:
            return file.read()

    # Without any layout, the task's own words say what to write.
    if layout and label not in disk_layout.partition_labels(read(layout) or "", read):
        oe.qa.handle_error("k3s-data-partition", "The layout %s has no partition '%s', which K3S_DATA_PARTITION names: without it a \
device goes no further than systemd's emergency shell. Write into the layout\n\
  bootloader --ptable gpt\n\
  part --source empty --fstype=none --part-name %s --fixed-size 4G --align 1024\n\
or, where an installer or systemd-repart makes the partition, into the configuration\n\
  WARN_QA:remove = \"k3s-data-partition\"" % (layout, label, label), d)
        oe.qa.exit_if_errors(d)
}
# Where the layout lies is of the machine that builds; what is in it is among the checksums of do_image_wic already.
k3s_check_layout[vardepsexclude] += "WKS_FULL_PATH"

WARN_QA:append = " ${@'k3s-data-partition' if k3s_partition_label(d) else ''}"

do_image_wic[prefuncs] += "${@'k3s_check_layout' if k3s_partition_label(d) else ''}"
