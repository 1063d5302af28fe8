/** Leaves a server alone for as long as it asks: requests of all kinds wait, or fail at once where that takes too long. */

import { type Clock, sleep } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { ResponseHead } from "#wire/http-head.ts";
import { retryAfterMs } from "./retry-after.ts";

export class Hold {
  readonly #clock: Clock;
  #untilMs = Number.NEGATIVE_INFINITY;
  #status = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long it is still to be left alone. */
  get leftMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.now());
  }

  /** Takes in what an answer asks for. */
  heed(head: ResponseHead): void {
    const waitMs = retryAfterMs(head, this.#clock.wallMs());
    if (waitMs <= this.leftMs) return;
    this.#untilMs = this.#clock.now() + waitMs;
    this.#status = head.status;
  }

  /**
   * Resolves when the server may be asked; `server` gives its name. Rejects with KtError `cluster-unreachable` when that is not soon, or
   * with the signal's reason.
   */
  async pass(server: () => string, signal: AbortSignal): Promise<void> {
    while (this.leftMs > 0) {
      if (this.leftMs > kubeLimits.retryAfterPatienceMs) throw this.#problem(server());
      await sleep(this.#clock, this.leftMs, signal);
      signal.throwIfAborted();
    }
  }

  #problem(server: string): KtError {
    const seconds = Math.ceil(this.leftMs / 1000);
    return new KtError("cluster-unreachable", `${server} answered ${this.#status} and asks to be left alone for ${seconds} s more`);
  }
}
