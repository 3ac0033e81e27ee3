# Every recipe has this: its tasks, and the hosts that it is for.
addtask unpack
addtask configure after do_unpack
addtask compile after do_configure
addtask install after do_compile
addtask build after do_install
do_build[noexec] = "1"

python do_unpack() {
    bb.fetch2.Fetch(d.getVar("SRC_URI").split(), d).unpack(d.getVar("UNPACKDIR"))
}
do_unpack[cleandirs] = "${UNPACKDIR}"

do_configure() {
    :
}

do_compile() {
    :
}

do_install() {
    :
}
do_install[cleandirs] = "${D}"

oe_runmake() {
    make "$@"
}

bbfatal() {
    echo "ERROR: $*" >&2
    exit 1
}

python () {
    import re
    hosts = d.getVar("COMPATIBLE_HOST")
    if hosts and not re.match(hosts, d.getVar("HOST_SYS")):
        raise bb.parse.SkipRecipe("incompatible with host %s" % d.getVar("HOST_SYS"))
}
