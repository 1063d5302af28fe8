/** A wait between tries that grows with failures, ends early when somebody needs an answer, and is forgotten on success. */

import type { Clock } from "#base/clock.ts";
import { limits } from "#base/limits.ts";

export class Backoff {
  readonly #clock: Clock;
  #failures = 0;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  reset(): void {
    this.#failures = 0;
  }

  /** Waits 100 ms after the first failure, doubling up to `maxMs`; until `skip` or the signal at the latest. */
  async afterFailure(signal: AbortSignal, maxMs: number = limits.backoffMaxMs): Promise<void> {
    const waitMs = Math.min(maxMs, limits.backoffMinMs * 2 ** this.#failures);
    this.#failures += 1;
    await this.wait(waitMs, signal);
  }

  wait(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        signal.removeEventListener("abort", finish);
        this.#wake = undefined;
        resolve();
      };
      const cancel = this.#clock.after(waitMs, finish);
      signal.addEventListener("abort", finish, { once: true });
      this.#wake = finish;
      if (signal.aborted) finish();
    });
  }

  /** Ends a wait that is going on; true when there was one. */
  skip(): boolean {
    const waiting = this.#wake !== undefined;
    this.#wake?.();
    return waiting;
  }
}
