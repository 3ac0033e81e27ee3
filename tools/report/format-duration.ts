/** A time for people, from milliseconds: "0.4 s", "66.4 s", "2 min 5 s", "5 min", "1 h 3 min". */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? "" : ` ${whole % 60} s`}`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? "" : ` ${minutes % 60} min`}`;
}

/** A tick on an axis of seconds, as short as it can be: "0", "20 s", "1 min", "1:30". */
export function formatTick(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (ms === 0) return "0";
  if (ms < 1000) return `${ms} ms`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds % 60 === 0) return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds / 60} min`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A whole number with thin groups of thousands: "1 312" with a no-break space, the same in every locale. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/gu, "\u00A0");
}

/** Bytes for people: "0 B", "812 B", "3.4 KiB", "12 MiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
