/** Numbers and moments in words. Pure but for the time zone. */

import { formatBytes } from "#base/bytes-text.ts";
import { rate } from "#tui/view/rate.ts";

/** Stands for nothing: cells keep their place. */
export const nothing = "·";

export function rateText(value: number | undefined): string {
  return value === undefined ? nothing : rate(value);
}

export function bytesRateText(value: number | undefined): string {
  return value === undefined ? nothing : `${formatBytes(value)}/s`;
}

export function durationText(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** How long ago, in the largest unit that says enough. */
export function agoText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  const hours = Math.floor(seconds / 3600);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

export function countText(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}
