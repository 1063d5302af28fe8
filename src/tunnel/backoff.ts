/** When to try again, as a pure function of the tries so far. */

import { limits } from "#base/limits.ts";

/** Milliseconds to wait before the try after `failures` failures in a row: 100 ms doubling to 10 s; none before the first. */
export function backoffMs(failures: number): number {
  if (failures <= 0) return 0;
  return Math.min(limits.backoffMaxMs, limits.backoffMinMs * 2 ** (failures - 1));
}
