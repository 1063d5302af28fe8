/** The receive window of one HTTP/2 stream: how much its sender may send before the reader took it. */

import { httpLimits } from "#http/limits.ts";

/** Lends bytes by which a window may grow; false when all are lent. */
export type BorrowBytes = (bytes: number) => boolean;

export class ReceiveWindow {
  readonly #borrow: BorrowBytes;
  #targetBytes: number = httpLimits.h2StreamWindowBytes;
  /** What the sender may still send. */
  #openBytes: number = httpLimits.h2StreamWindowBytes;
  /** What came and was not taken yet. */
  #heldBytes = 0;

  constructor(borrow: BorrowBytes) {
    this.#borrow = borrow;
  }

  /** What was borrowed, to be given back at the end. */
  get borrowedBytes(): number {
    return this.#targetBytes - httpLimits.h2StreamWindowBytes;
  }

  /** Counts bytes that came; false when they were more than the window. */
  receive(bytes: number): boolean {
    this.#openBytes -= bytes;
    this.#heldBytes += bytes;
    return this.#openBytes >= 0;
  }

  /**
   * Counts bytes that the reader took. Returns the increment that the sender should be told, or 0 as long as that is not worth a
   * frame. A reader that keeps up gets a larger window: over a long way the first one would be the limit.
   */
  take(bytes: number): number {
    this.#heldBytes -= bytes;
    if (this.#targetBytes - this.#heldBytes - this.#openBytes < this.#targetBytes / 2) return 0;
    if (this.#heldBytes < this.#targetBytes / 4) this.#grow();
    const increment = this.#targetBytes - this.#heldBytes - this.#openBytes;
    this.#openBytes += increment;
    return increment;
  }

  #grow(): void {
    const more = Math.min(this.#targetBytes, httpLimits.h2StreamWindowMaxBytes - this.#targetBytes);
    if (more > 0 && this.#borrow(more)) this.#targetBytes += more;
  }
}
