#!/bin/sh
# usage: unshare --mount --net --pid --fork sh enter-device.sh FOLDER SHELL SCRIPT
#
# Runs SCRIPT on a device that exists only in these namespaces: a root of its own, in memory, into which the layer's files are
# installed as the recipe installs them (FOLDER/installed), over the host's programs. Nothing that SCRIPT does reaches the host.
set -eu

folder=$1
device_shell=$2
script=$3
root=$folder/root

mount --make-rprivate /
mount -t tmpfs -o mode=0755 device "$root"
cd "$root"
mkdir -p usr dev proc sys tmp run/units var/lib var/log etc mnt root device
mount -t overlay -o "lowerdir=$folder/installed/usr:/usr" none usr
for path in /bin /sbin /lib*; do
	if [ -L "$path" ]; then
		cp -P "$path" ".$path"
	else
		mkdir ".$path"
		mount --bind "$path" ".$path"
	fi
done
mount --rbind /dev dev
mount -t proc proc proc
# Seen from the new network namespace, so its /sys/class/net is this device's own.
mount -t sysfs sysfs sys
mount --bind "$folder/device" device
# Programs such as Debian's iptables are links through /etc/alternatives.
if [ -d /etc/alternatives ]; then
	mkdir etc/alternatives
	mount --bind /etc/alternatives etc/alternatives
fi
cp /etc/passwd /etc/group etc
cp -R "$folder/installed/etc/." etc
mkdir -p etc/rancher/k3s/config.yaml.d var/lib/rancher/k3s/agent/images

# shellcheck disable=SC2016 # the inner shell's own words
exec chroot . /bin/sh -euc '
cd /root
device_shell=$1
. /device/functions.sh
eval "$2"' sh "$device_shell" "$script"
