/** Decides when spares are opened: one after the other, once clients have stopped coming. */

import type { Clock } from "#base/clock.ts";
import { tunnelLimits } from "#tunnel/limits.ts";

/**
 * The same for sessions and for the processes of jump hosts: opening one costs as much as serving many small requests, and several
 * at once would delay a request that comes just then by 10 ms. How many are wanted differs, for a session serves one connection
 * after the other and a process only one: sessions follow how many are in use, processes how many came lately.
 */
export class SpareSchedule {
  readonly #clock: Clock;
  /** Opens one if one is wanted, and calls `soon` for the next. */
  readonly #open: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, open: () => void) {
    this.#clock = clock;
    this.#open = open;
  }

  get isPending(): boolean {
    return this.#cancel !== undefined;
  }

  /** A client came, or a spare was opened: from now on the wait begins again. */
  soon(): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(tunnelLimits.spareDelayMs, () => {
      this.#cancel = undefined;
      this.#open();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
