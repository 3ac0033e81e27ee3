# shellcheck shell=sh
# A data partition, which is a loop device, and what happens to it. For the tests' scripts: . /device/data-partition.sh
: "${device_path:?set by functions.sh}"

partition=/run/data-partition
state=/var/lib/rancher
# What keeps its content without power: the disk, and the ZFS pool that stubs keep as directories.
medium=/tmp/medium
# shellcheck disable=SC2034 # functions.sh reads it
device_replaced='cp dd mkdir mke2fs mount rmdir sync umount'
device_path=/tmp/own:/device/disk-stubs:/device/filesystems:$device_path
# Either empty, or all that changes something, as commands that lose the power.
mkdir /tmp/own /tmp/losing
for program in btrfs cp dd e2label mkdir mke2fs mkfs.btrfs mount rmdir sync umount zfs zpool; do
	ln -s /device/lose-power.sh /tmp/losing/$program
done

# disk MIB: a new one, empty, in the place of the one before.
disk() {
	power_off
	rm -rf $medium
	mkdir $medium
	truncate -s "${1}M" $medium/disk
	attach
}

# table MIB: as disk, but a partition of a disk with a GPT, as devices have it. The loop device's own partitions are the kernel's only when told.
table() {
	power_off
	rm -rf $medium
	mkdir $medium
	truncate -s "$(($1 + 2))M" $medium/disk
	printf 'label: gpt\nstart=1MiB, size=%sMiB, name="k3s-data"\n' "$1" | sfdisk --quiet $medium/disk
	attach
}

# attach: the block device goes with the last process that has it open, however a test ends.
attach() {
	loop=$(losetup --find --show $medium/disk)
	exec 9<>"$loop"
	losetup --detach "$loop"
	ln -sfn "$loop" $partition
	[ "$(blkid -p -o value -s PTTYPE $medium/disk)" = gpt ] || return 0
	partx --add "$loop"
	ln -sfn "${loop}p1" $partition
}

power_off() {
	while umount -R $state 2>/dev/null || umount -R /run/k3s-data 2>/dev/null; do :; done
	rm -rf /run/pool-is-imported /tmp/own
	mkdir /tmp/own
	# They outlive the loop device's file.
	case $(readlink $partition) in *p1) partx --delete "$loop" ;; esac
	rm -f $partition
	exec 9>&-
}

# image [KIB]: what the image has in the directory, with an archive of this size.
image() {
	mkdir -p $state/k3s/agent/images $state/k3s/server/manifests $state/empty
	head -c "$((${1:-512} * 1024))" /dev/urandom >$state/k3s/agent/images/airgap.tar
	ln -f $state/k3s/agent/images/airgap.tar $state/k3s/agent/images/again.tar
	echo 'kind: List' >"$state/k3s/server/manifests/of the image.yaml"
	ln -sfn ../manifests $state/k3s/server/link
	echo hidden >$state/.hidden
	chmod 0600 $state/.hidden
	chmod 0711 $state/k3s/server
	chown 7:8 $state/empty $state/.hidden
	touch -d @1700000000 $state/.hidden
}

# files DIRECTORY: all that is in there but for what the filesystem and the snapshotters have for themselves.
files() (
	cd "$1" || exit
	find . \( -path ./lost+found -o -path ./k3s/agent/containerd \) -prune -o -type d -exec stat -c '%n %F %a %u:%g' {} + \
		-o -type l -exec stat -c '%N' {} + -o -type f -exec stat -c '%n %F %a %u:%g links:%h %s %Y' {} + -exec cksum {} + | sort
)

# boot SNAPSHOTTER: the script as the unit runs it.
boot() {
	run "prepare-data-partition.$1"
}

# place: what is mounted where k3s keeps its state, and what the partition is called.
place() {
	findmnt -rno FSTYPE,TARGET -R $state || echo 'nothing is mounted'
	(PATH=$device_path && blkid -p -o value -s LABEL $partition) || :
	[ ! -e /run/k3s-data ] || echo '/run/k3s-data is left'
}

# power_goes COUNT: with the COUNTth of the commands that change something. It goes before the command, but amid mkfs and cp.
power_goes() {
	echo "$1" >/tmp/count
	rmdir /tmp/own
	ln -s losing /tmp/own
}

# power_back: the next boot finds what was on the medium at that moment.
power_back() {
	power_off
	rm -rf $medium
	mv /tmp/lost $medium
	attach
}

# lose_power SNAPSHOTTER MIB COUNT...: boots an empty partition once for each, then again, and tells what the second boot made of it.
lose_power() {
	snapshotter=$1
	mib=$2
	shift 2
	: >/tmp/moments
	for moment in "$@"; do
		disk "$mib"
		power_goes "$moment"
		boot "$snapshotter" >/dev/null 2>&1 || :
		power_back
		tell "boot $moment" boot "$snapshotter"
		tell "files $moment" files $state
		tell "place $moment" place
	done
	tell moments cat /tmp/moments
}

# know_filesystems TYPE...: the kernel's list of filesystems has these alone, whatever modprobe does.
know_filesystems() {
	printf 'nodev\t%s\n' "$@" >/tmp/filesystems
	mount --bind /tmp/filesystems /proc/filesystems
}

# have_zfs: zpool and zfs as far as the script uses them, with directories for datasets. What ZFS itself does is not shown by them.
have_zfs() {
	know_filesystems ext4 btrfs zfs
	device_path=/tmp/own:/device/zfs-stubs:${device_path#/tmp/own:}
}
