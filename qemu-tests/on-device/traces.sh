# shellcheck shell=sh
# What a node that runs leaves on its device, and beside it what is a user's own. For the tests' scripts: . /device/traces.sh

data=/var/lib/rancher/k3s

# leave_mounts: those of containerd and kubelet, and a user's in the neighbourhood.
leave_mounts() {
	task=/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/x/rootfs
	for path in "$task" "$task/proc" $data/agent/containerd/tmpmounts/a '/var/lib/kubelet/pods/u/volumes/a 1' \
		/var/lib/kubelet/pods/u/volumes/'b\c' /var/lib/kubelet/plugins/kubernetes.io/csi; do
		mkdir -p "$path"
		mount -t tmpfs containers "$path"
	done
	for path in /mnt/users /run/k3sx /var/lib/kubelet/mine $data/storage/userdisk "$data/storage/another disk"; do
		mkdir -p "$path"
		mount -t tmpfs users "$path"
		echo mine >"$path/file"
	done
	mkdir -p /run/netns
	ip netns add cni-1234
	ip netns add user
}

# mounts: the mount points on this device that these tests speak of.
mounts() {
	awk '{ print $5 }' /proc/self/mountinfo | grep -E '/(k3s|kubelet|netns|mnt|rancher)' | sort -u
}

# leave_links: the pods' network, and a user's bridge with an address and routes of its own.
leave_links() {
	ip link set lo up
	ip link add cni0 type bridge
	ip link add br0 type bridge
	ip link add veth1 type veth peer name veth1p
	ip link add veth2 type veth peer name veth2p
	ip link set veth1 master cni0
	ip link set veth2 master br0
	ip link set cni0 up
	ip link set br0 up
	ip address add 10.9.0.1/24 dev br0
	ip address add fd09::1/64 dev br0 nodad
	ip link add flannel.1 type vxlan id 1 dstport 8472 dev br0
	ip route add 10.42.7.0/24 via 10.9.0.2 dev br0
	ip route add 10.50.0.0/24 via 10.9.0.2 dev br0
	ip -6 route add fd00:42:0:7::/64 via fd09::2 dev br0
	ip -6 route add fd00:50::/64 via fd09::2 dev br0
	mkdir -p /run/flannel
	printf '%s\n' FLANNEL_NETWORK=10.42.0.0/16 FLANNEL_IPV6_NETWORK=fd00:42::/56 >/run/flannel/subnet.env
}

# links: the interfaces but for those that a kernel gives each namespace by itself (tunl0, sit0 and the like have no master and
# no peer, and are down).
links() {
	ip -o link | awk -F ': ' '{ sub(/@.*/, "", $2); print $2 }' | grep -E '^(lo$|cni|br0|veth|flannel|kube|k3s|eth)' | sort
}

routes() {
	ip route
	ip -6 route | grep '^fd'
}

# users_rules FRONTEND: rules of a user's own, with counters. Among them those that look like Kubernetes's to a careless reader.
users_rules() {
	"$1-restore" --counters <<-'R'
		*nat
		:PREROUTING ACCEPT [0:0]
		:POSTROUTING ACCEPT [0:0]
		:MINE - [0:0]
		:MYKUBE-CHAIN - [0:0]
		[3:180] -A PREROUTING -m comment --comment "mine, not -j KUBE-SERVICES flannel" -j MINE
		[0:0] -A PREROUTING -m comment --comment "mine, no KUBE-ROUTER rule" -j MINE
		[0:0] -A PREROUTING -m comment --comment "a \"quoted\" -g KUBE-X" -j MINE
		[0:0] -A POSTROUTING -p tcp -j MASQUERADE
		[7:420] -A MINE -p tcp -m tcp --dport 22 -j RETURN
		[0:0] -A MINE -j MYKUBE-CHAIN
		COMMIT
		*filter
		:INPUT ACCEPT [0:0]
		:FORWARD DROP [0:0]
		[5:300] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
		COMMIT
	R
}

# k3s_rules FRONTEND: rules as kube-proxy, the network policies, the CNI plugins and flannel add them to whatever is there.
k3s_rules() {
	"$1-restore" --noflush <<-'R'
		*nat
		:KUBE-SERVICES - [0:0]
		:KUBE-SVC-AAA - [0:0]
		:CNI-HOSTPORT-DNAT - [0:0]
		:FLANNEL-POSTRTG - [0:0]
		-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
		-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
		-A POSTROUTING -m comment --comment "flanneld \\ masq" -j FLANNEL-POSTRTG
		-A KUBE-SERVICES -p tcp -m tcp --dport 443 -j KUBE-SVC-AAA
		COMMIT
		*filter
		:KUBE-FORWARD - [0:0]
		:KUBE-ROUTER-INPUT - [0:0]
		:FLANNEL-FWD - [0:0]
		-A INPUT -m comment --comment "KUBE-ROUTER rule to explicitly ACCEPT traffic that comply to network policies" -m mark --mark 0x20000/0x20000 -j ACCEPT
		-I INPUT 1 -m comment --comment "kube-router netpol - 4IA2OSFRMVNDXBVV" -j KUBE-ROUTER-INPUT
		-A FORWARD -j KUBE-FORWARD
		-A FORWARD -m comment --comment "flanneld forward" -g FLANNEL-FWD
		-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
		COMMIT
	R
}

# rules FRONTEND: all rules with their counters, but for the built-in chains' counters, which any packet changes.
rules() {
	"$1-save" --counters | sed -e '/^#/d' -e 's/^\(:[A-Z]* [A-Z]*\) .*/\1/'
}

# start NAME SECONDS ARGUMENT…: a process of this name (its argv[0]) with children that sleep so long: one below a program whose
# name is hard to read in /proc/PID/stat, and some that have a new sleep at once when theirs is killed. Returns when they are there.
start() {
	[ -e '/tmp/odd) S 1 (x' ] || cp /usr/bin/dash '/tmp/odd) S 1 (x'
	bash -c 'exec -a "$0" /bin/sh -c "$@"' "$1" "
		sleep ${2}1 &
		'/tmp/odd) S 1 (x' -c 'sleep ${2}2 & wait' &
		for loop in 1 2 3 4 5 6 7 8; do while :; do sleep ${2}3; done & done
		wait" "$@" </dev/null >/dev/null 2>&1 &
	until [ "$(sleepers | grep -c "^sleep $2")" -eq 3 ]; do
		sleep 0.02
	done
}

# sleepers: which of these children live.
sleepers() {
	/device/applets/ps -o args | grep '^sleep ' | sort -u
}

# leave_processes: k3s's containerd (700) and a shim (800), and a shim of another containerd (900).
leave_processes() {
	start containerd 700 -c $data/agent/etc/containerd/config.toml
	start /usr/libexec/k3s/containerd-shim-runc-v2 800 -namespace k8s.io -id x -address /run/k3s/containerd/containerd.sock
	start /usr/bin/containerd-shim-runc-v2 900 -namespace moby -id y -bundle /srv/k3s/y \
		-address /run/containerd/containerd.sock
}

# leave_files: what the server and its node keep on disk, and what is not theirs.
leave_files() {
	while read -r path; do
		mkdir -p "${path%/*}"
		echo "$path" >"$path"
	done <<-P
		$data/server/db/state.db
		$data/server/tls/server-ca.crt
		$data/agent/client-kubelet.crt
		$data/agent/.hidden/..odd
		$data/agent/images/a.tar
		$data/agent/images/.cache.json
		$data/agent/containerd/io.containerd.metadata.v1.bolt/meta.db
		$data/storage/pvc1/file
		/run/k3s/containerd/socket
		/run/flannel/subnet.env
		/var/lib/kubelet/pki/key
		/var/lib/cni/networks/cbr0/10.42.0.2
		/var/log/pods/x/0.log
		/var/log/containers/x.log
		/var/log/syslog
		/var/lib/other/file
		/etc/rancher/node/password
		/etc/rancher/k3s/k3s.yaml
		/etc/rancher/k3s/config.yaml
		/etc/rancher/k3s/config.yaml.d/50-users.yaml
		/etc/rancher/k3s/config.yaml.d/90-k3s-agent.yaml
		/etc/rancher/k3s/agent.env
		/etc/rancher/k3s/agent-token
	P
}

# files: every file that is left of those, by directory.
files() {
	find /etc/rancher /var /run/k3s /run/flannel -type f 2>/dev/null | sort
}
