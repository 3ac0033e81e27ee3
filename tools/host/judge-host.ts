import type { HostCheck, HostNeed, HostState } from "./host-need.ts";

/** Memory that a guest of 2048 MiB, QEMU itself and the compiler of the testbed need beside each other. */
const NEEDED_MEMORY_MIB = 3500;
/** A cold testbed: Go caches (4 GiB), parts (2 GiB), a run's overlay. Measured; see docs/testbed.md. */
const NEEDED_DISK_MIB = 9000;

/** The one command that installs the packages, as the user has to type it. */
export function formatInstallCommand(packages: readonly string[], state: Pick<HostState, "isRoot">): string {
  return `${state.isRoot ? "" : "sudo "}apt-get install -y --no-install-recommends ${packages.join(" ")}`;
}

/** Packages that bring what is missing, each once, sorted. */
export function selectMissingPackages(needs: readonly HostNeed[], state: HostState): readonly string[] {
  const missing = needs.filter((need) => !state.present.has(need.name)).map((need) => need.package);
  return [...new Set(missing)].sort();
}

/** Judges a host against what is needed: one check for each need, then platform, memory and disk. */
export function judgeHost(needs: readonly HostNeed[], state: HostState): readonly HostCheck[] {
  const checks: HostCheck[] = needs.map((need) => {
    if (state.present.has(need.name)) return { name: need.name, status: "ok", found: need.why, repair: undefined };
    const repair = state.hasApt
      ? formatInstallCommand([need.package], state)
      : `install what your distribution calls ${need.package}`;
    return { name: need.name, status: "missing", found: `not there; it ${need.why}`, repair };
  });
  const supported = state.platform === "linux" && (state.arch === "x64" || state.arch === "arm64");
  checks.push({
    name: "platform",
    status: supported ? "ok" : "missing",
    found: `${state.platform} ${state.arch}`,
    repair: supported ? undefined : "use an x86-64 or arm64 Linux machine",
  });
  const enoughMemory = state.memoryMib >= NEEDED_MEMORY_MIB;
  checks.push({
    name: "memory",
    status: enoughMemory ? "ok" : "warning",
    found: `${state.memoryMib} MiB of memory, ${NEEDED_MEMORY_MIB} MiB are needed for a guest of 2048 MiB`,
    repair: enoughMemory ? undefined : "close other programs or use a larger machine",
  });
  const enoughDisk = state.cacheFreeMib >= NEEDED_DISK_MIB;
  checks.push({
    name: "disk",
    status: enoughDisk ? "ok" : "warning",
    found: `${state.cacheFreeMib} MiB free in ${state.cacheFolder}, a first testbed takes ${NEEDED_DISK_MIB} MiB`,
    repair: enoughDisk ? undefined : "free some space, or set XDG_CACHE_HOME to a larger disk",
  });
  return checks;
}
