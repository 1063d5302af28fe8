/** How many connections came at once lately, which is how many are likely to come at once again. */

import { tunnelLimits } from "#tunnel/limits.ts";

export class RecentPeak {
  /** When each of the latest came, oldest first. */
  #cameAtMs: number[] = [];
  #peak = 0;
  #peakAtMs = Number.NEGATIVE_INFINITY;

  /** One more has come. */
  add(nowMs: number): void {
    this.#forgetOld(nowMs);
    this.#cameAtMs.push(nowMs);
    if (this.#cameAtMs.length < this.value(nowMs)) return;
    this.#peak = this.#cameAtMs.length;
    this.#peakAtMs = nowMs;
  }

  /** The most at once within `sessionIdleMs`. */
  value(nowMs: number): number {
    if (nowMs - this.#peakAtMs < tunnelLimits.sessionIdleMs) return this.#peak;
    this.#forgetOld(nowMs);
    return this.#cameAtMs.length;
  }

  #forgetOld(nowMs: number): void {
    this.#cameAtMs = this.#cameAtMs.filter((cameAtMs) => nowMs - cameAtMs < tunnelLimits.atOnceMs);
  }
}
