/** Module names, with "_" as the kernel has them, of paths such as "kernel/net/bridge/br-netfilter.ko.xz". */
export function selectModuleNames(paths: readonly string[]): ReadonlySet<string> {
  const names = paths.map((path) => /([^/]+)\.ko(?:\.\w+)?$/.exec(path.trim())?.[1]?.replaceAll("-", "_"));
  return new Set(names.filter((name) => name !== undefined));
}
