# A root filesystem: what is installed, and what is run on it.
IMAGE_ROOTFS = "${WORKDIR}/rootfs"
IMAGE_INSTALL ?= ""
IMAGE_FEATURES ?= ""
IMAGE_QA_COMMANDS ?= ""
ROOTFS_POSTPROCESS_COMMAND ?= ""
# Deferred as openembedded-core's classes for the types of images are: an image's own words are read before it.
inherit_defer image-layout

addtask rootfs
addtask image_wic after do_rootfs

python do_rootfs() {
    for command in d.getVar("ROOTFS_POSTPROCESS_COMMAND").split():
        bb.build.exec_func(command, d)
}
do_rootfs[cleandirs] = "${IMAGE_ROOTFS}"

# As openembedded-core: every check is run, and then the image fails if one has found something.
python do_image_qa() {
    for command in d.getVar("IMAGE_QA_COMMANDS").split():
        bb.build.exec_func(command, d)
    oe.qa.exit_if_errors(d)
}

do_image_wic() {
    :
}
