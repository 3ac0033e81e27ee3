const UNIT_MIB: Readonly<Record<string, number>> = { "": 1, M: 1, MB: 1, MIB: 1, G: 1024, GB: 1024, GIB: 1024 };

/**
 * Reads an amount of memory or disk as MiB: "2048", "2048M" and "2G" are 2048, with binary units as QEMU has them. Returns undefined for
 * anything else, fractions and bare nonsense alike, so that nobody gets 4 MiB for "4 Gigs".
 */
export function parseMemoryMib(text: string): number | undefined {
  const match = /^\s*(\d{1,9})\s*([a-z]*)\s*$/iu.exec(text);
  const unit = UNIT_MIB[match?.[2]?.toUpperCase() ?? "none"];
  if (match === null || unit === undefined) return undefined;
  const mib = Number(match[1]) * unit;
  return mib > 0 ? mib : undefined;
}
