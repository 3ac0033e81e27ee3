#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# What k3s-manifests and k3s-airgap share: files that are part of the image and are linked at boot to where k3s looks for them.
# Not to be inherited by itself.

# k3s looks below /var/lib/rancher, which is state: on a partition of its own, or emptied by k3s-uninstall.sh. So the files are
# kept apart from it, and systemd-tmpfiles makes the links at each boot.
def k3s_device_files(d, variable, kind, target, suffixes):
    files = (d.getVar(variable) or "").split()
    is_image = bb.data.inherits_class("image", d)
    for file in files:
        if not file.endswith(suffixes):
            bb.fatal("%s holds '%s', whose name should end in one of %s. Write %s = \"NAME%s\"" % (
                variable, file, " ".join(suffixes), variable, suffixes[0]))
        if is_image and not file.startswith("/"):
            bb.fatal("%s holds '%s': an image names files by full path. Write %s = \"${THISDIR}/files/%s\"" % (
                variable, file, variable, file))
    if not files:
        if not is_image:
            bb.fatal("%s inherits k3s-%s and has no files for it. Write %s = \"NAME%s\"" % (
                d.getVar("PN"), "airgap" if kind == "images" else kind, variable, suffixes[0]))
        return
    d.appendVar("K3S_DEVICE_FILES", " %s:%s" % (kind, target))
    d.setVar("K3S_DEVICE_FILES_%s" % kind, " ".join(files))
    if is_image:
        for file in files:
            d.appendVarFlag("do_rootfs", "file-checksums", " %s:True" % file)

K3S_DEVICE_FILES ?= ""

k3s_install_device_files_to() {
    # $1 the root, $2 where relative names are, $3 images or manifests, $4 the directory k3s reads; then the files
    root=$1; from=$2; kind=$3; target=$4; shift 4
    install -d $root${datadir}/k3s/$kind $root${nonarch_libdir}/tmpfiles.d
    rules=$root${nonarch_libdir}/tmpfiles.d/k3s-$kind-${PN}.conf
    printf '# Links from what the image has to where k3s looks for it.\n' > $rules
    if [ $kind = manifests ]; then
        # As k3s makes it: its keys are in there too.
        printf 'd %s 0700 root root -\n' $(dirname $target) >> $rules
    fi
    printf 'd %s 0755 root root -\n' $target >> $rules
    if [ $kind = images ]; then
        printf '# With this file k3s imports an archive only when it changed.\nf %s/.cache.json 0644 root root -\n' $target >> $rules
    fi
    for file in "$@"; do
        case "$file" in /*) ;; *) file=$from/$file ;; esac
        install -m 0644 "$file" $root${datadir}/k3s/$kind/$(basename "$file")
        printf 'L+ %s/%s - - - - %s/k3s/%s/%s\n' $target $(basename "$file") ${datadir} $kind $(basename "$file") >> $rules
    done
    chmod 0644 $rules
}

# The shell lines that install what the recipe or image declared.
def k3s_device_files_commands(d, root, source):
    lines = []
    for entry in (d.getVar("K3S_DEVICE_FILES") or "").split():
        kind, target = entry.split(":")
        lines.append("k3s_install_device_files_to %s %s %s %s %s" % (root, source, kind, target, d.getVar("K3S_DEVICE_FILES_%s" % kind)))
    return "\n".join(lines) or ":"

do_install:append() {
    ${@k3s_device_files_commands(d, d.getVar('D'), d.getVar('UNPACKDIR'))}
}

k3s_install_device_files_to_image() {
    ${@k3s_device_files_commands(d, d.getVar('IMAGE_ROOTFS') or '', '/')}
}

ROOTFS_POSTPROCESS_COMMAND:append = " k3s_install_device_files_to_image"

FILES:${PN}:append = " ${datadir}/k3s ${nonarch_libdir}/tmpfiles.d"
