#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#

# How the layer builds Go programs: with the Go of the build alone, with the modules that do_fetch brought alone, and with the
# go.sum of upstream, which the go command checks every module against and may not change.
#
# A recipe that inherits it sets GO_IMPORT and defines do_compile around
#
#   k3s_go_build OUTPUT PACKAGE TAGS
#
# with the -X flags it needs in K3S_GO_LDFLAGS. There, $build_date is the source's date as 2026-07-28T20:13:29Z.

inherit go-mod

K3S_GO_LDFLAGS ??= ""
K3S_GO_LDFLAGS[doc] = "Flags for Go's linker, such as -X for versions. The shell variable build_date may stand in it."

# Without debugging information, which for k3s is hundreds of megabytes. Symbols are left to do_package, which takes a program that has none for a mistake
# (QA check already-stripped).
GO_EXTRA_LDFLAGS = "-w ${K3S_GO_LDFLAGS}"

# Never fetch another toolchain: go says which version it would need instead.
export GOTOOLCHAIN = "local"
export GOPROXY = "off"
# The sums of every module stand in go.sum already, so there is nobody to ask.
export GOSUMDB = "off"

# Modules that come from git (gomodgit://). BitBake makes their zips from every file of the repository; the go command leaves vendored packages
# and nested modules out, so go.sum would not hold. Without that zip it makes its own, from the repository that do_unpack put into the module cache,
# checks it against go.sum, and asks no network.
def k3s_git_modules(d):
    uris = [bb.fetch.decodeurl(uri) for uri in (d.getVar("SRC_URI") or "").split() if uri.startswith("gomodgit://")]
    return [(host + path.rstrip("/"), parameters["version"]) for _, host, path, _, _, parameters in uris]

export GONOPROXY = "${@','.join(path for path, _ in k3s_git_modules(d)) or 'none'}"

python k3s_drop_git_zips() {
    import os
    from bb.fetch2.gomod import escape
    for path, version in k3s_git_modules(d):
        folder = os.path.join(d.getVar("GOMODCACHE"), "cache/download", escape(path), "@v")
        bb.utils.remove(os.path.join(folder, escape(version) + ".zip"))
}
do_unpack[postfuncs] += "k3s_drop_git_zips"

# Every module that is fetched, as a package URL (https://github.com/package-url/purl-spec, type golang): create-spdx lists them with the program, so
# that a vulnerability of a module is found in the SBOM of what was built from it.
def k3s_go_purls(d):
    from urllib.parse import quote
    purls = []
    for uri in (d.getVar("SRC_URI") or "").split():
        if uri.startswith(("gomod://", "gomodgit://")):
            _, host, path, _, _, parameters = bb.fetch.decodeurl(uri)
            if parameters.get("mod", "0") != "1":
                purls.append("pkg:golang/%s@%s" % ((host + path.rstrip("/")).lower(), quote(parameters["version"], safe="")))
    return " ".join(purls)

SPDX_PACKAGE_URLS:append = " ${@k3s_go_purls(d)}"

K3S_GO_MODFLAG ?= "-mod=readonly"
K3S_GO_MODFLAG[doc] = "-mod=readonly where modules are fetched (gomod://), -mod=vendor where upstream carries them."

k3s_go_build() {
    build_date=$(date -u -d "@${SOURCE_DATE_EPOCH}" +%Y-%m-%dT%H:%M:%SZ)
    # The version control state of the checkout is the build's, not the source's.
    ${GO} build ${GOBUILDFLAGS} ${K3S_GO_MODFLAG} -buildvcs=false -tags "$3" -o "$1" "$2"
}

# What go.bbclass installs beside programs, sources and archives of packages, is of no use to anybody here.
do_install() {
    bbfatal "${PN} must say in do_install what it installs"
}
