/** Durations as people write them: `90s`, `1h30m`, `0`. */

import { KtError } from "#base/errors.ts";

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Timers count in 31 bits of milliseconds. */
const longestMs = 2 ** 31 - 1;

/** Milliseconds. Throws KtError `profile-invalid` with a hint. */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  if (!/^([0-9]+(\.[0-9]+)?(ms|h|m|s))+$/.test(text)) {
    const hint = /^[0-9]+$/.test(text) ? `write "${text}s" or "${text}m"` : `for example "30s", "60m" or "1h30m"`;
    throw new KtError("profile-invalid", `"${text}" is not a valid duration`, { hints: [hint] });
  }
  let sumMs = 0;
  for (const [, amount, , unit = ""] of text.matchAll(/([0-9]+(\.[0-9]+)?)(ms|h|m|s)/g)) sumMs += Number(amount) * (unitMs[unit] ?? 0);
  if (sumMs > longestMs) throw new KtError("profile-invalid", `"${text}" is too long`, { hints: ['the longest is "596h", about 24 days'] });
  return Math.round(sumMs);
}
