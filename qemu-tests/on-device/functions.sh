# shellcheck shell=sh
# What the tests' scripts are written with. Sourced by enter-device.sh, which has set this:
: "${device_shell:?the shell under test}"

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
# What a script of the layer finds: stubs of what only a booted system has, the programs its package depends on, and busybox.
device_path=/device/stubs:/device/iproute2:/device/programs:/device/applets
# Environment of the scripts, NAME=VALUE words.
device_env=
# Applets in whose place the path may have a program.
device_replaced='date id ip sleep sync'

# run SCRIPT ARGUMENT…: the layer's script of this name, by the shell under test, as a device runs it.
run() {
	run_name=$1
	shift
	for run_directory in /usr/bin /usr/libexec/k3s; do
		[ ! -e "$run_directory/$run_name" ] || break
	done
	run_before=
	# Debian's busybox runs its own applets whatever PATH says (FEATURE_SH_STANDALONE), OE-core's does not. A function comes before
	# an applet, so programs that PATH has first are put before the applets by functions.
	for run_applet in $device_replaced; do
		run_program=$(PATH=$device_path command -v "$run_applet")
		[ "$run_program" = "/device/applets/$run_applet" ] || run_before="$run_before$run_applet() { $run_program \"\$@\"; }; "
	done
	# shellcheck disable=SC2086,SC2016 # lists of words; the inner shell's own $0
	case "$device_shell" in
	busybox*) env -i PATH="$device_path" $device_env /usr/bin/busybox sh -c "$run_before"'. "$0"' "$run_directory/$run_name" "$@" ;;
	*) env -i PATH="$device_path" $device_env /usr/bin/$device_shell "$run_directory/$run_name" "$@" ;;
	esac
}

# tell NAME COMMAND…: gives what the command says, and its exit status, to the test under this name.
tell() {
	printf '@@ begin %s\n' "$1"
	shift
	told=0
	"$@" 2>&1 || told=$?
	printf '\n@@ end %s\n' "$told"
}

# contents DIRECTORY…: all that is in there, with mode, owner and size; two that are equal say that nothing was changed.
contents() {
	find "$@" -exec stat -c '%n %a %u %i %Y %s' {} + | sort
}
