/** The open connections of a door, so that it can wait for them when it closes. */

import type { Clock } from "#base/clock.ts";

/** An open connection as its door sees it. */
export interface Guest {
  /** Ends as soon as nothing is under way. */
  drain(): void;
  /** Ends now. */
  abort(): void;
}

export class Guests {
  readonly #clock: Clock;
  readonly #all = new Set<Guest>();
  #onEmpty: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  enter(guest: Guest): void {
    this.#all.add(guest);
  }

  leave(guest: Guest): void {
    this.#all.delete(guest);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** Asks all to end, and waits until they have, for at most `deadlineMs`; then ends them. */
  async drain(deadlineMs: number): Promise<void> {
    for (const guest of [...this.#all]) guest.drain();
    if (this.#all.size > 0) await this.#emptied(deadlineMs);
    for (const guest of [...this.#all]) guest.abort();
  }

  #emptied(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(deadlineMs, resolve);
      this.#onEmpty = () => {
        cancel();
        resolve();
      };
    });
  }
}
