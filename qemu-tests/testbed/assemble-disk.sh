#!/bin/sh
# Makes the guest's disk image: Debian's root filesystem with an overlay on top, as ext4, without loop devices.
# Runs as root or as root of a user namespace, so that each file's owner comes out right.
#
#   assemble-disk.sh ROOTFS.TAR OVERLAY-FOLDER EDITS IMAGE FREE-MIB [UID:GID]
#
# EDITS holds a line for each change: "mask UNIT", "enable UNIT TARGET", "disable UNIT TARGET", "link TARGET PATH",
# "hardlink FILE PATH", "remove PATH". UID:GID becomes the image's owner.
set -eu
rootfs=$1 overlay=$2 edits=$3 image=$4 free=$5 owner=${6:-}

work=$(mktemp -d "$(dirname "$image")/assemble.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
tree=$work/tree
mkdir "$tree"
chmod 0755 "$tree"

# Devices are devtmpfs's; a user namespace could not make them.
tar -xf "$rootfs" -C "$tree" --numeric-owner --same-permissions --xattrs --xattrs-include='security.capability' \
	--exclude='./dev/*' --exclude='./boot/vmlinuz-*' --exclude='./boot/initrd.img-*' --exclude='./usr/share/meta-k3s-testbed'

# Whoever made the overlay, in the guest it is root's.
tar -cf - -C "$overlay" --owner=0 --group=0 --numeric-owner . | tar -xf - -C "$tree" --numeric-owner --same-permissions --keep-directory-symlink

units=etc/systemd/system
while read -r action first second; do
	case $action in
	mask) ln -sfn /dev/null "$tree/$units/$first" ;;
	enable)
		mkdir -p "$tree/$units/$second.wants"
		ln -sfn "/usr/lib/systemd/system/$first" "$tree/$units/$second.wants/$first"
		;;
	disable) rm -f "$tree/$units/$second.wants/$first" ;;
	link)
		mkdir -p "$tree$(dirname "$second")"
		ln -sfn "$first" "$tree$second"
		;;
	hardlink)
		mkdir -p "$tree$(dirname "$second")"
		ln -f "$tree$first" "$tree$second"
		;;
	remove) rm -rf "${tree:?}$first" ;;
	*)
		echo "assemble-disk.sh: unknown edit: $action" >&2
		exit 2
		;;
	esac
done <"$edits"

# Time stamps inside the image are Debian's; its own are fixed, so that equal content gives equal bytes where mkfs allows it.
used=$(du -sm --apparent-size "$tree" | cut -f1)
size=$((used + used / 10 + free))
truncate -s "${size}M" "$work/image"
E2FSPROGS_FAKE_TIME=1 mkfs.ext4 -q -F -L rootfs -U 6d657461-2d6b-4373-8d74-657374626564 -E hash_seed=6d657461-2d6b-4373-8d74-657374626564,lazy_itable_init=1,root_owner=0:0 \
	-d "$tree" "$work/image"
[ -z "$owner" ] || chown "$owner" "$work/image"
chmod 0444 "$work/image"
mv "$work/image" "$image"
