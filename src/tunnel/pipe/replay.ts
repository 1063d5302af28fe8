/** What was written while nothing has come back, so that another pod can be sent it too. */

import { sharedLimits } from "#base/limits.ts";

export class Replay {
  /** Undefined once it is too much or too late. */
  #chunks: Uint8Array[] | undefined = [];
  #lengthBytes = 0;

  /** Whether another pod can be sent everything. */
  get isPossible(): boolean {
    return this.#chunks !== undefined;
  }

  /** `isOnlyCopy`: no pod has them, so they are kept however many they are. */
  add(bytes: Uint8Array, isOnlyCopy: boolean): void {
    if (!this.#chunks) return;
    this.#lengthBytes += bytes.length;
    if (this.#isTooLong && !isOnlyCopy) this.drop();
    else this.#chunks.push(bytes);
  }

  /** Gives everything to another pod, and keeps it for one more unless it is too much. */
  writeTo(write: (bytes: Uint8Array) => void): void {
    for (const bytes of this.#chunks ?? []) write(bytes);
    if (this.#isTooLong) this.drop();
  }

  drop(): void {
    this.#chunks = undefined;
  }

  get #isTooLong(): boolean {
    return this.#lengthBytes > sharedLimits.replayBytes;
  }
}
