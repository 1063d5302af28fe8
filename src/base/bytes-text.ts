/** Writes byte counts for people. */

const units = ["B", "KB", "MB", "GB", "TB"];

/** Three significant digits at most, in powers of 1000: "0 B", "12.3 MB". */
export function formatBytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
