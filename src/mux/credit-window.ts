/** What the peer may send on one stream: granted as the reader takes it, and more of it to readers that keep up. Pure. */

import { muxLimits } from "./limits.ts";
import { initialCreditBytes } from "#wire/relay-frame.ts";

/** What all windows of a session may grow by together. */
export class WindowBudget {
  #freeBytes: number = muxLimits.windowBudgetBytes;

  /** Returns whether there was so much. */
  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

export class CreditWindow {
  readonly #budget: WindowBudget;
  #sizeBytes = initialCreditBytes;
  /** What the peer may still send. */
  #openBytes = initialCreditBytes;
  /** What the reader took and was not granted again. */
  #takenBytes = 0;

  constructor(budget: WindowBudget) {
    this.#budget = budget;
  }

  /** Returns whether the peer was allowed to send this. */
  received(bytes: number): boolean {
    this.#openBytes -= bytes;
    return this.#openBytes >= 0;
  }

  /** The reader took so many bytes. Returns what is granted now; 0 is nothing yet. */
  taken(bytes: number): number {
    this.#takenBytes += bytes;
    if (this.#takenBytes * 2 < this.#sizeBytes) return 0;
    const grant = this.#takenBytes + this.#grow();
    this.#takenBytes = 0;
    this.#openBytes += grant;
    return grant;
  }

  /** The stream is over. */
  close(): void {
    this.#budget.giveBack(this.#sizeBytes - initialCreditBytes);
    this.#sizeBytes = initialCreditBytes;
  }

  /** A reader that took half a window is given twice as much, as long as all together hold no more than they may. */
  #grow(): number {
    const more = Math.min(this.#sizeBytes, muxLimits.largestWindowBytes - this.#sizeBytes);
    if (more <= 0 || !this.#budget.take(more)) return 0;
    this.#sizeBytes += more;
    return more;
  }
}
