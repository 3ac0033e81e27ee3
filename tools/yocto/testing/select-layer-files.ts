/** What belongs to the command and its tests, beside which the rest of the repository is the layer. */
const NOT_THE_LAYER = /^(?:tools|qemu-tests|docs|setup|\.ci|\.github)\//u;

/** Of the repository's files those that are the layer. */
export function selectLayerFiles(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => path.includes("/") && !NOT_THE_LAYER.test(path));
}

/**
 * Of the repository's files those of the layer that BitBake reads: recipes, what appends to them and what they include, classes and configuration. A
 * .conf outside of conf/ is a file of the device.
 */
export function selectBitBakeFiles(paths: readonly string[]): readonly string[] {
  return selectLayerFiles(paths).filter((path) => /\.(?:bb|bbappend|inc|bbclass)$|^conf\/.*\.conf$/u.test(path));
}
