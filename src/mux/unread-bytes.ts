/** Whether what was sent on a stream may wait at the peer for good, and block the worker that handles the stream. */

import { muxLimits } from "./limits.ts";

export class UnreadBytes {
  #sentBytes = 0;
  /** Sent since something last came; infinite once only the peer's answer to a ping can show more. */
  #unansweredBytes = 0;

  /** Whether anything was sent. */
  get hasSent(): boolean {
    return this.#sentBytes > 0;
  }

  /** Not where the other side had the last word, after no more than its socket holds, and has not ended first. */
  get mayBlock(): boolean {
    return this.#unansweredBytes > 0;
  }

  sent(lengthBytes: number): void {
    this.#sentBytes += lengthBytes;
    this.#unansweredBytes += lengthBytes;
  }

  /** Something came: what was sent before has been read, unless it was more than a socket holds. */
  answered(): void {
    if (this.#unansweredBytes <= muxLimits.socketBytes) this.#unansweredBytes = 0;
  }

  /** The other side has failed or ended: it may read nothing more. */
  doubt(): void {
    if (this.hasSent) this.#unansweredBytes = Number.POSITIVE_INFINITY;
  }
}
