#!/bin/busybox sh
# shellcheck shell=dash
# /init of the testbed's initial RAM disk: loads what the kernel lacks to see its disk, mounts it and starts it.
export PATH=/bin
busybox mkdir -p /proc /sys /dev /new
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys

while read -r module; do
	busybox insmod "/modules/$module" || echo "testbed: cannot load $module"
done </modules/order

root=/dev/vda
mode=rw
init=/sbin/init
read -r cmdline </proc/cmdline
for word in $cmdline; do
	case $word in
	root=*) root=${word#root=} ;;
	init=*) init=${word#init=} ;;
	ro | rw) mode=$word ;;
	esac
done

# The disk appears when its driver has looked at the bus: at once, unless the host is very busy.
tries=0
until [ -b "$root" ]; do
	tries=$((tries + 1))
	if [ "$tries" -gt 600 ]; then
		echo "testbed: no disk $root after a minute; there are: $(busybox ls /sys/class/block)"
		exit 1
	fi
	busybox usleep 100000
done
busybox mount -t ext4 -o "$mode" "$root" /new || {
	echo "testbed: cannot mount $root as ext4"
	exit 1
}
for dir in dev proc sys; do busybox mount -o move "/$dir" "/new/$dir"; done
exec busybox switch_root /new "$init"
