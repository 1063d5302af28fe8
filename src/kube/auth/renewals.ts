/** When a credential that was refused may be fetched again: at once, unless the previous ones were refused as soon as they were made. */

import { kubeLimits } from "#kube/limits.ts";
import { pauseMs } from "#base/backoff.ts";

export class Renewals {
  #madeAtMs = Number.NEGATIVE_INFINITY;
  #inVain = 0;
  #untilMs = Number.NEGATIVE_INFINITY;

  made(nowMs: number): void {
    this.#madeAtMs = nowMs;
  }

  /** It served for no longer than `youngMs` where making it was in vain. */
  spent(nowMs: number, youngMs: number): void {
    this.#inVain = nowMs - this.#madeAtMs < youngMs ? this.#inVain + 1 : 0;
    // The first may have been an old one that its maker had kept.
    this.#untilMs = this.#inVain < 2 ? nowMs : nowMs + pauseMs(this.#inVain - 2, kubeLimits.pluginRetryMs, kubeLimits.pluginRetryMaxMs);
  }

  mayRenew(nowMs: number): boolean {
    return nowMs >= this.#untilMs;
  }
}
