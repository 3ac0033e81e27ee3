import { readdir, readFile } from "node:fs/promises";

/** Process ids of every QEMU on this host whose command line holds `words`, read from /proc. */
export async function listQemu(words: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return line.includes("qemu-system") && line.includes(words) ? Number(pid) : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}
