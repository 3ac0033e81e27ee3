/** A module's name from its file's: underscores for hyphens, as the kernel has them. */
function nameOf(path: string): string {
  return (path.split("/").at(-1) ?? "").replace(/\.ko(?:\.\w+)?$/u, "").replaceAll("-", "_");
}

/**
 * The files of the modules `wanted` and of all that they depend on, in the order in which they can be loaded, relative to the folder of
 * modules.dep. Modules that the kernel has built in need no file. Formats: modules.dep(5), modules.builtin of depmod(8).
 * Throws Error for a module that the kernel does not have at all.
 */
export function planModules(options: { wanted: readonly string[]; dependencies: string; builtIn: string }): readonly string[] {
  const files = new Map<string, { path: string; needs: readonly string[] }>();
  for (const line of options.dependencies.split("\n")) {
    const [path, needs] = line.split(":");
    if (path === undefined || needs === undefined) continue;
    files.set(nameOf(path), { path, needs: needs.trim().split(/\s+/u).filter(Boolean) });
  }
  const builtIn = new Set(options.builtIn.split("\n").map(nameOf));
  const order: string[] = [];
  function add(name: string): void {
    const file = files.get(name);
    if (file === undefined) {
      if (builtIn.has(name)) return;
      throw new Error(`the guest's kernel has no module ${name}`);
    }
    if (order.includes(file.path)) return;
    // modules.dep lists what is needed with the last to load first; going through each one's own needs sorts that out.
    for (const need of file.needs) add(nameOf(need));
    order.push(file.path);
  }
  for (const name of options.wanted) add(name.replaceAll("-", "_"));
  return order;
}
