/** What of the host decides how hard BitBake may work. */
export interface BuildHostSize {
  readonly cpus: number;
  readonly memoryMib: number;
  /** Free space where the build folder is, MiB. */
  readonly freeDiskMib: number;
  /** Whether the kernel has /proc/pressure (PSI), which BB_PRESSURE_MAX_* read. */
  readonly hasPressure: boolean;
}

/** Settings of BitBake that follow from the host's size. */
export interface HostSettings {
  readonly threads: number;
  readonly makeJobs: number;
  /** Microseconds of stall a second from which BitBake starts no further task; undefined where the kernel cannot tell. */
  readonly pressureMaxCpu: number | undefined;
  readonly pressureMaxIo: number | undefined;
  readonly pressureMaxMemory: number | undefined;
  /** Work folders are removed as soon as a recipe is done. */
  readonly removeWork: boolean;
}

/** A link step of the larger C++ recipes takes this much for each job. */
const MEMORY_FOR_JOB_MIB = 2048;
/** A task in itself (unpacking, packaging with zstd) takes about this much. */
const MEMORY_FOR_TASK_MIB = 1024;
/** What a build of core-image-k3s keeps without rm_work. Estimate, not measured: docs/build.md. */
export const DISK_WITHOUT_REMOVAL_MIB = 100 * 1024;
/** What it keeps with rm_work. Estimate. */
export const DISK_WITH_REMOVAL_MIB = 50 * 1024;

/**
 * Settings for a host of this size. The pressure limits are those of the Yocto Project's own build machines
 * (openembedded-core, fragments/yocto-autobuilder/autobuilder-resource-constraints.conf); memory has none there and gets half of it.
 */
export function planHostSettings(size: BuildHostSize): HostSettings {
  const fit = (eachMib: number): number => Math.max(1, Math.min(size.cpus, Math.floor(size.memoryMib / eachMib)));
  return {
    threads: fit(MEMORY_FOR_TASK_MIB),
    makeJobs: fit(MEMORY_FOR_JOB_MIB),
    pressureMaxCpu: size.hasPressure ? 20_000 : undefined,
    pressureMaxIo: size.hasPressure ? 20_000 : undefined,
    pressureMaxMemory: size.hasPressure ? 10_000 : undefined,
    removeWork: size.freeDiskMib < DISK_WITHOUT_REMOVAL_MIB,
  };
}
