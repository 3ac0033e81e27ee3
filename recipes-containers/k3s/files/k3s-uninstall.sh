#!/bin/sh
# Returns a device to one that never ran k3s: see the usage below.
set -u

case "${1:-}" in
'') ;;
-h | --help)
	cat <<'USAGE'
usage: k3s-uninstall.sh

Ends k3s and deletes all of its state: the cluster, its containers, its local volumes, its keys. The image's own files stay
(programs, units, settings in /etc/rancher/k3s, archives in agent/images), and the units are left disabled:
`systemctl enable --now k3s` starts a new cluster.
USAGE
	exit 0
	;;
*)
	echo "k3s-uninstall.sh: takes no arguments, got '$1' (see k3s-uninstall.sh --help)" >&2
	exit 2
	;;
esac

# shellcheck source=device-state.sh
. @libexecdir@/k3s/device-state.sh

require_root
end_everything
for unit in k3s.service k3s-agent.service; do
	if systemctl is-enabled --quiet "$unit" 2>/dev/null; then
		systemctl disable "$unit" || problem "$unit could not be disabled and will start at the next boot"
	fi
	systemctl reset-failed "$unit" 2>/dev/null
done
remove_node_state
remove_tree "$data_dir" "$data_dir/agent/images"
rm -f "$config_dir/k3s.yaml"
remove_tree /etc/rancher/node
restore_image_files
finish
