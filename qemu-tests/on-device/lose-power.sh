#!/bin/sh
# Any command that changes something, until the power goes: see power_goes in data-partition.sh.
name=${0##*/}
PATH=${PATH#/tmp/own:}
case "$name $*" in
"zfs list"* | "zpool list"* | "dd if="*" skip="*) exec "$name" "$@" ;;
esac
left=$(($(cat /tmp/count) - 1))
echo "$left" >/tmp/count
[ "$left" -eq 0 ] || exec "$name" "$@"

case "$name" in
dd) echo "dd ${1%%=*}" ;;
*) echo "$name${1:+ $1}" ;;
esac >>/tmp/moments
partition=/run/data-partition
case "$name" in
cp)
	# A part of it, and that in another place, so that what is left of it can be told.
	/bin/cp -a "$2/k3s/server" "$3"
	sync
	;;
mke2fs)
	# It writes the superblock when all else is on the medium.
	mke2fs "$@"
	dd if=/dev/zero of=$partition bs=1024 seek=1 count=1 2>/dev/null
	sync
	;;
mkfs.btrfs)
	# It begins with another magic number in the superblock, which nothing knows, and writes the true one at its end.
	mkfs.btrfs "$@"
	printf '!BHRfS_M' | dd of=$partition bs=1 seek=65600 2>/dev/null
	sync
	;;
esac
# What the script has written and nobody has flushed is lost.
/bin/cp -a --sparse=always /tmp/medium /tmp/lost
kill -9 $PPID
