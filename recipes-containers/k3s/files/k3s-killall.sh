#!/bin/sh
# Stops k3s and all of its containers and takes away its mounts, network interfaces and firewall rules. Nothing on disk is
# deleted: `systemctl start k3s` (or k3s-agent) brings the node back.
set -u

case "${1:-}" in
'') ;;
-h | --help)
	cat <<'USAGE'
usage: k3s-killall.sh

Stops k3s and all of its containers, and takes away its mounts, network interfaces and firewall rules.
Nothing on disk is deleted: `systemctl start k3s` (or k3s-agent) brings the node back.
USAGE
	exit 0
	;;
*)
	echo "k3s-killall.sh: takes no arguments, got '$1' (see k3s-killall.sh --help)" >&2
	exit 2
	;;
esac

# shellcheck source=device-state.sh
. @libexecdir@/k3s/device-state.sh

require_root
end_everything
finish
