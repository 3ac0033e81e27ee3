/**
 * The text of a `*.qemuboot.conf` with these values, as Python's configparser reads it: it gives "%" a meaning, so that is doubled, and a line
 * break goes on with an indent. The inverse of parse-qemuboot.ts.
 */
export function formatQemuboot(values: Readonly<Record<string, string>>): string {
  const lines = Object.entries(values).map(
    ([key, value]) => `${key.toLowerCase()} = ${value.replaceAll("%", "%%").replaceAll("\n", "\n\t")}`,
  );
  return `[config_bsp]\n${lines.sort().join("\n")}\n`;
}
