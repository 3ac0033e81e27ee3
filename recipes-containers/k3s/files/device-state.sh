# shellcheck shell=sh
# What k3s leaves on a device while it runs, and how to take it away again. Sourced by k3s-killall.sh, k3s-clean and
# k3s-uninstall.sh.
#
# Nothing here may touch what is not k3s's own: a user's mounts below these directories, a user's firewall rules, a user's
# containers under another containerd. Where a user's mount lies inside a directory that is to go, it stays, with the
# directories that lead to it.
#
# Runs under busybox: no GNU options, no bash.

data_dir=/var/lib/rancher/k3s
config_dir=/etc/rancher/k3s
problems=0

# problem MESSAGE: says what could not be done; the command goes on and ends with a failure.
problem() {
	echo "${0##*/}: $*" >&2
	problems=$((problems + 1))
}

# require_root: changing the device needs root; says so once instead of failing at each step.
require_root() {
	[ "$(id -u)" -eq 0 ] || {
		echo "${0##*/}: must be run as root" >&2
		exit 1
	}
}

# stop_units: ends k3s itself. Its containers go on (KillMode=process) and are ended by end_containers.
stop_units() {
	for unit in k3s.service k3s-agent.service; do
		systemctl cat "$unit" >/dev/null 2>&1 || continue
		systemctl stop "$unit" || problem "$unit could not be stopped; see: systemctl status $unit"
	done
}

# runtime_pids: the process ids of k3s's own containerd and shims, told from another containerd's by the socket they use.
runtime_pids() {
	grep -l '/k3s/' /proc/[0-9]*/cmdline 2>/dev/null | while read -r cmdline; do
		command=$(tr '\000' ' ' 2>/dev/null <"$cmdline") || continue
		program=${command%% *}
		case "${program##*/}" in
		containerd-shim*) case "$command" in *" /run/k3s/containerd/"*) ;; *) continue ;; esac ;;
		containerd) case "$command" in *" $data_dir/agent/etc/containerd/"*) ;; *) continue ;; esac ;;
		*) continue ;;
		esac
		pid=${cmdline#/proc/}
		echo "${pid%/cmdline}"
	done
}

# with_descendants PID…: the process ids given and all below them, without this command itself, which may be run from inside a
# container. A process's name may hold blanks and parentheses, so the parent is read after the last of them.
with_descendants() {
	sed -n 's/^\([0-9]*\) (.*) [A-Za-z] \([0-9]*\) .*/\1 \2/p' /proc/[0-9]*/stat 2>/dev/null | awk -v roots="$*" -v self=$$ '
		{ parent[$1] = $2 }
		END {
			count = split(roots, root, " ")
			for (i = 1; i <= count; i++) wanted[root[i]] = 1
			do {
				found = 0
				for (pid in parent) if (pid != self && !(pid in wanted) && (parent[pid] in wanted)) { wanted[pid] = 1; found = 1 }
			} while (found)
			for (pid in wanted) print pid
		}'
}

# end_containers: kills k3s's containers, their shims and its containerd. All are stopped before the first is killed: a process
# that goes on could have a child meanwhile, which is on no list, and once its parents are gone nothing tells whose it was.
end_containers() {
	rounds=0
	while pids=$(runtime_pids) && [ -n "$pids" ]; do
		rounds=$((rounds + 1))
		if [ "$rounds" -gt 20 ]; then
			problem "processes that do not end: $(echo "$pids" | tr '\n' ' ')"
			break
		fi
		stopped=
		# shellcheck disable=SC2086 # lists of process ids
		while family=$(with_descendants $pids | sort -n | tr '\n' ' ') && [ "$family" != "$stopped" ]; do
			stopped=$family
			kill -STOP $stopped 2>/dev/null
		done
		# shellcheck disable=SC2086 # a list of process ids
		kill -KILL $stopped 2>/dev/null
		sleep 1
	done
	# The pods' own cgroups: empty by now, and gone with their slice.
	if systemctl is-active --quiet kubepods.slice 2>/dev/null; then
		systemctl stop kubepods.slice || problem "kubepods.slice could not be stopped"
	fi
}

# real_path PATH: without links. The kernel lists mounts so, and /var/log or /var/lib/rancher may be a link to where a device
# has room. Nothing where a directory on the way is missing.
real_path() {
	readlink -f "$1" 2>/dev/null
}

# mounts_at PREFIX: the mount points whose path begins with PREFIX, the deepest first, as the kernel writes them: proc(5) has
# blank, tab, line break and backslash as three octal digits.
mounts_at() {
	prefix=$1 awk '
		function written(path, i, char, text) {
			for (i = 1; i <= length(path); i++) {
				char = substr(path, i, 1)
				if (char == " ") char = "\\040"
				else if (char == "\t") char = "\\011"
				else if (char == "\n") char = "\\012"
				else if (char == "\\") char = "\\134"
				text = text char
			}
			return text
		}
		BEGIN { prefix = written(ENVIRON["prefix"]) }
		index($5, prefix) == 1 && (!exact || $5 == prefix) { print $5 }' exact="${2:-}" /proc/self/mountinfo | sort -r
}

# unmount WRITTEN: unmounts what the kernel writes so. printf takes up to three digits after \0, so that a digit that follows
# is the path's own.
unmount() {
	path=$(printf '%b' "$(printf '%s\n' "$1" | sed 's/\\/\\0/g')")
	umount "$path" 2>/dev/null || umount -l "$path" 2>/dev/null
}

# unmount_runtime: what containerd and kubelet mounted for containers. The directories themselves may be mounts of the
# image's.
unmount_runtime() {
	for place in /run/k3s/ "$data_dir/agent/containerd/tmpmounts/" /var/lib/kubelet/pods/ /var/lib/kubelet/plugins/ /run/netns/cni-; do
		directory=$(real_path "${place%/*}")
		[ -n "$directory" ] || continue
		prefix=$directory/${place##*/}
		mounts_at "$prefix" | while read -r written; do
			unmount "$written"
		done
		left=$(mounts_at "$prefix")
		[ -z "$left" ] || problem "still mounted: $left"
	done
	for netns in /run/netns/cni-*; do
		[ ! -e "$netns" ] || rm -f "$netns"
	done
}

# remove_link NAME KIND: deletes the network interface if it is of that kind, so a user's own of that name stays.
remove_link() {
	link=/sys/class/net/$1
	[ -e "$link" ] || return 0
	case "$2" in
	bridge) [ -d "$link/bridge" ] || return 0 ;;
	dummy) ;;
	*) grep -q "^DEVTYPE=$2\$" "$link/uevent" || return 0 ;;
	esac
	ip link delete "$1" || problem "the network interface $1 could not be deleted"
}

# remove_links: the pods' bridge with its ports, and flannel's and kube-proxy's interfaces.
remove_links() {
	if [ -d /sys/class/net/cni0/bridge ]; then
		for port in /sys/class/net/cni0/brif/veth*; do
			[ ! -e "$port" ] || ip link delete "${port##*/}" 2>/dev/null
		done
	fi
	remove_link cni0 bridge
	remove_link flannel.1 vxlan
	remove_link flannel-v6.1 vxlan
	remove_link flannel-wg wireguard
	remove_link flannel-wg-v6 wireguard
	remove_link kube-ipvs0 dummy
	# The route of ensure-default-route; nothing else has this metric.
	remove_link k3s-offline dummy
	ip route delete default metric 2000000 2>/dev/null
	# The backend host-gw has no interface of its own, only routes to the other nodes' pods.
	if [ -f /run/flannel/subnet.env ]; then
		pods=$(sed -n 's/^FLANNEL_NETWORK=//p' /run/flannel/subnet.env)
		[ -z "$pods" ] || ip route flush root "$pods" 2>/dev/null || problem "routes to $pods could not be deleted"
		pods=$(sed -n 's/^FLANNEL_IPV6_NETWORK=//p' /run/flannel/subnet.env)
		[ -z "$pods" ] || ip -6 route flush root "$pods" 2>/dev/null || problem "routes to $pods could not be deleted"
	fi
}

# rules_to_delete: reads what iptables-save wrote and writes what iptables-restore --noflush needs to take away the chains
# of Kubernetes, CNI and flannel, the rules that lead into them, and those that let through what kube-router's chains have marked, which are
# told by their comment alone (kube-router: pkg/controllers/netpol). All else stays as it is, counters included.
rules_to_delete() {
	awk '
		function owned(chain) { return chain ~ /^(KUBE|CNI|FLANNEL)-/ }
		/^\*/ { table = $0; chains = ""; removals = ""; rules = "" }
		/^:/ {
			chain = substr($1, 2)
			if (owned(chain)) { chains = chains ":" chain " - [0:0]\n"; removals = removals "-X " chain "\n" }
		}
		/^-A / && !owned($2) {
			if (index($0, " --comment \"KUBE-ROUTER rule to explicitly ACCEPT traffic that comply to network policies\" ")) {
				rules = rules "-D" substr($0, 3) "\n"
				next
			}
			# A comment may say anything, also "-j KUBE-FORWARD".
			rule = $0
			gsub(/"([^"\\]|\\.)*"/, "", rule)
			count = split(rule, word, " ")
			for (i = 1; i < count; i++)
				if ((word[i] == "-j" || word[i] == "-g") && owned(word[i + 1])) { rules = rules "-D" substr($0, 3) "\n"; break }
		}
		/^COMMIT/ && (chains != "" || rules != "") { printf "%s\n%s%s%sCOMMIT\n", table, chains, rules, removals }'
}

# remove_rules: takes k3s's rules out of every firewall the device has: either iptables frontend, both families, and the
# tables that kube-proxy, flannel and the CNI plugins make with nft. Then the address sets, which rules held until now.
remove_rules() {
	for tool in iptables ip6tables iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
		command -v "$tool-save" >/dev/null 2>&1 || continue
		# A frontend whose kernel side is not there holds no rules.
		rules=$("$tool-save" 2>/dev/null | rules_to_delete)
		[ -n "$rules" ] || continue
		# Not echo, which may take a comment's backslashes away.
		printf '%s\n' "$rules" | "$tool-restore" --noflush || problem "$tool: rules of Kubernetes could not be deleted"
	done
	if command -v nft >/dev/null 2>&1; then
		while read -r _ family table; do
			case "$table" in
			kube-proxy | flannel-ipv4 | flannel-ipv6 | cni_hostport | cni_plugins_masquerade) ;;
			*) continue ;;
			esac
			nft delete table "$family" "$table" || problem "nft: the table $family $table could not be deleted"
		done <<TABLES
$(nft list tables 2>/dev/null)
TABLES
	fi
	if command -v ipset >/dev/null 2>&1; then
		for set in $(ipset list -n 2>/dev/null | grep -E '^(inet6:)?KUBE-'); do
			ipset destroy "$set" || problem "ipset: the set $set could not be deleted"
		done
	fi
}

# end_everything: no process, mount, interface or rule of k3s is left; nothing on disk is touched.
end_everything() {
	stop_units
	end_containers
	unmount_runtime
	remove_links
	remove_rules
}

# remove_tree PATH [KEEP]: deletes the directory's content and, where nothing in it stays, the directory. What is mounted in it
# stays, and so does KEEP, a path below it. A link is how a device has its state elsewhere: it stays, and what it leads to
# is emptied.
remove_tree() {
	kept=$(real_path "${2:-}")
	tree=$(real_path "$1")
	if [ ! -e "$tree" ]; then
		return 0
	elif [ -L "$1" ] && [ -d "$tree" ]; then
		remove_content "$tree"
	else
		remove_entry "$tree"
	fi
}

# remove_entry PATH: of remove_tree; the path has no links on its way.
remove_entry() {
	if [ -L "$1" ] || [ ! -d "$1" ]; then
		rm -f "$1" || problem "$1 could not be deleted"
		return 0
	fi
	case "$kept" in
	"$1"/*) ;;
	*)
		if [ -z "$(mounts_at "$1/")" ] && ! is_mount "$1"; then
			rm -rf "$1" || problem "$1 could not be deleted"
			return 0
		fi
		;;
	esac
	remove_content "$1"
	# Not empty means that something in it stays; then it stays too.
	rmdir "$1" 2>/dev/null
	return 0
}

# remove_content DIRECTORY: of remove_tree.
remove_content() {
	for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
		[ -e "$entry" ] || [ -L "$entry" ] || continue
		if [ "$entry" = "$kept" ]; then
			continue
		fi
		if [ ! -L "$entry" ] && is_mount "$entry"; then
			is_snapshotter "$entry" || echo "${0##*/}: $entry is a mount and stays as it is" >&2
			continue
		fi
		remove_entry "$entry"
	done
}

# is_mount PATH: whether something is mounted exactly there. The path has no links on its way.
is_mount() {
	[ -n "$(mounts_at "$1" exact)" ]
}

# is_snapshotter PATH: whether it is the directory of one of containerd's snapshotters, which clear_snapshotters empties.
is_snapshotter() {
	case "$1" in
	"$(real_path "$data_dir")"/agent/containerd/io.containerd.snapshotter.v1.*) return 0 ;;
	*) return 1 ;;
	esac
}

# clear_snapshotters: empties the snapshotters' filesystems. Those of zfs and btrfs hold a dataset or subvolume for each
# layer, which rm cannot delete. The filesystem itself was made by the image or by a user, and stays.
clear_snapshotters() {
	state=$(real_path "$data_dir")
	zfs_dir=$state/agent/containerd/io.containerd.snapshotter.v1.zfs
	if is_mount "$zfs_dir" && command -v zfs >/dev/null 2>&1; then
		dataset=$(awk -v at="$zfs_dir" '$2 == at && $3 == "zfs" { print $1 }' /proc/mounts)
		# containerd numbers its layers, and one is a clone of an earlier one: the latest goes first.
		[ -z "$dataset" ] || zfs list -H -o name -r -d 1 "$dataset" | sed -n "s,^$dataset/\([0-9]*\)\$,\1,p" | sort -rn |
			while read -r layer; do zfs destroy -r "$dataset/$layer"; done
	fi
	btrfs_dir=$state/agent/containerd/io.containerd.snapshotter.v1.btrfs
	if [ -d "$btrfs_dir" ] && command -v btrfs >/dev/null 2>&1; then
		for layer in "$btrfs_dir"/active/* "$btrfs_dir"/view/* "$btrfs_dir"/snapshots/*; do
			[ ! -d "$layer" ] || btrfs subvolume delete "$layer" >/dev/null
		done
	fi
	for directory in "$state"/agent/containerd/io.containerd.snapshotter.v1.*; do
		if is_mount "$directory"; then
			remove_tree "$directory"
		fi
	done
}

# forget_images_imported: k3s notes in this file which archives it has imported. The archives stay, so the note must go or
# they would not be imported again; an empty file is how the image asks for a conditional import.
forget_images_imported() {
	note=$data_dir/agent/images/.cache.json
	[ ! -f "$note" ] || : >"$note"
}

# remove_node_state: what a node keeps on disk: its certificates, its pods, its containers and their images. Stays: image
# archives, which k3s never writes; the settings; and the node's password (/etc/rancher/node), without which a cluster
# that has known this node would refuse its name.
remove_node_state() {
	clear_snapshotters
	remove_tree "$data_dir/agent" "$data_dir/agent/images"
	forget_images_imported
	for directory in /run/k3s /run/flannel /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers; do
		remove_tree "$directory"
	done
	rm -f "$config_dir/agent.env" "$config_dir/agent-token" "$config_dir/config.yaml.d/90-k3s-agent.yaml"
}

# restore_image_files: the links from these directories to what the image ships, as at boot.
restore_image_files() {
	command -v systemd-tmpfiles >/dev/null 2>&1 || return 0
	for rules in /usr/lib/tmpfiles.d/k3s*.conf; do
		[ ! -f "$rules" ] || systemd-tmpfiles --create "$rules" || problem "systemd-tmpfiles failed on $rules"
	done
}

# finish: the command's exit status.
finish() {
	[ "$problems" -eq 0 ] || exit 1
	exit 0
}
