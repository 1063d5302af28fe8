/** Ends a hub that has no profile, a moment after its last one. */

import type { Clock } from "#base/clock.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import { daemonLimits } from "./limits.ts";
import type { Part } from "./part.ts";

export class Linger implements Part {
  readonly #clock: Clock;
  readonly #onUnused: () => void;
  #cancel = (): void => {};

  constructor(clock: Clock, onUnused: () => void) {
    this.#clock = clock;
    this.#onUnused = onUnused;
  }

  apply(attached: readonly AttachedProfile[]): void {
    this.#cancel();
    if (attached.length === 0) this.#cancel = this.#clock.after(daemonLimits.hubLingerMs, this.#onUnused);
  }

  release(): void {
    this.#cancel();
  }
}
