import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * A runqemu of a few lines with the habits of the real one that the launcher has to live with: it reads the conf it is given, looks for
 * QEMU in OECORE_NATIVE_SYSROOT, splits its command line at blanks, starts QEMU as a child, and ends with 0 whatever happens.
 */
const SCRIPT = `#!/bin/sh
conf=$1
value() { sed -n "s/^$1 = //p" "$conf"; }
for word in "$@"; do
	case $word in
	qemuparams=*) params=\${word#qemuparams=} ;;
	bootparams=*) boot=\${word#bootparams=} ;;
	esac
done
root=$(value qb_rootfs_opt | sed "s|@ROOTFS@|$ROOTFS|")
# The values are command line text on purpose.
# shellcheck disable=SC2046
eval "$OECORE_NATIVE_SYSROOT/usr/bin/$(value qb_system_name)" $(value qb_slirp_opt) "$root" $(value qb_machine) $(value qb_cpu) \\
	$(value qb_smp) $(value qb_mem) "$params" -serial null -nographic -kernel "$KERNEL" -append "'root=/dev/vda $boot'" &
child=$!
trap 'kill -TERM $child' TERM
wait $child
wait $child
exit 0
`;

/** Writes it as \`runqemu\` into a folder; returns its path. */
export async function writeTinyRunqemu(folder: string): Promise<string> {
  const path = join(folder, "runqemu");
  await writeFile(path, SCRIPT, { mode: 0o755 });
  return path;
}
