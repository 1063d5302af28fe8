/** Counts frames that only cost work, and reports when a peer sends too many of them. */

import type { Clock } from "#base/clock.ts";
import { httpLimits } from "#http/limits.ts";
import { H2Error, h2Codes } from "#wire/h2-frame.ts";

export class H2Budget {
  readonly #clock: Clock;
  #left: number = httpLimits.h2CostlyFrames;
  #countedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedAt = clock.now();
  }

  /** Counts one frame, or what costs as much as `frames`; throws H2Error when there were too many. */
  spend(what: string, frames = 1): void {
    const now = this.#clock.now();
    const earned = ((now - this.#countedAt) * httpLimits.h2CostlyFramesPerSecond) / 1000;
    this.#countedAt = now;
    this.#left = Math.min(httpLimits.h2CostlyFrames, this.#left + earned) - frames;
    if (this.#left < 0) throw new H2Error(h2Codes.enhanceYourCalm, `too many ${what}`);
  }
}
