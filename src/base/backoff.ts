/** Pauses between tries: they grow with failures and with what the server asks for, and a success forgets them. */

import type { Clock } from "#base/clock.ts";
import { sharedLimits } from "./limits.ts";

/** After so many failures: doubling, a little shorter by chance so that what failed together does not come back together. */
export function pauseMs(failures: number, minMs: number, maxMs: number): number {
  const wholeMs = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
  return wholeMs * (1 - sharedLimits.backoffJitter * Math.random());
}

export interface PauseOptions {
  readonly maxMs?: number;
  /** How long the server asks not to be called: nothing ends the pause sooner. */
  readonly heldMs?: number;
  /** How old the pause must be before a request that needs an answer ends it; default: 0. */
  readonly leastMs?: number;
}

interface Pause {
  readonly skippableAtMs: number;
  readonly end: () => void;
  /** A request needs an answer: the pause ends as soon as it may. */
  isCut: boolean;
}

export class Backoff {
  readonly #clock: Clock;
  #failures = 0;
  #pause: Pause | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  reset(): void {
    this.#failures = 0;
  }

  /** Waits up to 100 ms after the first failure, doubling up to `maxMs`; until `skip` or the signal at the latest. */
  async afterFailure(
    signal: AbortSignal,
    { maxMs = sharedLimits.backoffMaxMs, heldMs = 0, leastMs = 0 }: PauseOptions = {},
  ): Promise<void> {
    const waitMs = pauseMs(this.#failures, sharedLimits.backoffMinMs, maxMs);
    this.#failures += 1;
    if (heldMs > waitMs) await this.#wait(heldMs * (1 + sharedLimits.backoffJitter * Math.random()), signal, Number.POSITIVE_INFINITY);
    else await this.#wait(waitMs, signal, leastMs);
  }

  wait(waitMs: number, signal: AbortSignal): Promise<void> {
    return this.#wait(waitMs, signal, 0);
  }

  #wait(waitMs: number, signal: AbortSignal, leastMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener("abort", end);
        if (this.#pause?.end === end) this.#pause = undefined;
        resolve();
      };
      const cancel = this.#clock.after(waitMs, end);
      signal.addEventListener("abort", end, { once: true });
      this.#pause = { skippableAtMs: this.#clock.now() + leastMs, end, isCut: false };
      if (signal.aborted) end();
    });
  }

  /** Ends a pause that is going on, or lets it last only as long as it must; true when there was one. */
  skip(): boolean {
    const pause = this.#pause;
    if (!pause) return false;
    const leftMs = pause.skippableAtMs - this.#clock.now();
    if (leftMs <= 0) pause.end();
    else if (Number.isFinite(leftMs) && !pause.isCut) this.#clock.after(leftMs, pause.end);
    pause.isCut = true;
    return true;
  }
}
