/** A QEMU release, as numbers that compare. */
export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
}

/** Reads the first line of `qemu-system-* --version`; undefined when it is something else. */
export function parseQemuVersion(text: string): QemuVersion | undefined {
  const match = /QEMU emulator version (\d+)\.(\d+)\.(\d+)/u.exec(text);
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), micro: Number(match[3]) };
}

export function formatQemuVersion(version: QemuVersion): string {
  return `${version.major}.${version.minor}.${version.micro}`;
}

/** True when `version` is `major.minor` or newer. */
export function isAtLeast(version: QemuVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}
