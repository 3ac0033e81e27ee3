import { readFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";

/** The host in a line: its system's name (os-release(5)), CPUs and memory. */
export async function readHostSummary(): Promise<{ os: string; cpus: number; memoryMib: number }> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const os = /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? process.platform;
  return { os, cpus: cpus().length, memoryMib: Math.round(totalmem() / (1024 * 1024)) };
}
