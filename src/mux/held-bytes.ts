/** Bytes that wait for a reader that paused; small pieces are joined, so that many of them cost no more than their bytes. */

import { muxLimits } from "./limits.ts";

export class HeldBytes {
  #chunks: Uint8Array[] = [];
  /** The last chunk's buffer, and how much of it is used, where more can be added to it. */
  #block: Uint8Array | undefined;
  #usedBytes = 0;

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Takes bytes, which may be a small view on a large buffer. */
  push(bytes: Uint8Array): void {
    if (bytes.length >= muxLimits.byReferenceBytes) {
      this.#block = undefined;
      this.#chunks.push(bytes);
      return;
    }
    // Most readers pause for one piece only, which needs no block.
    if (this.isEmpty) {
      this.#chunks.push(bytes.slice());
      return;
    }
    const block = this.#blockFor(bytes.length);
    block.set(bytes, this.#usedBytes);
    this.#usedBytes += bytes.length;
    this.#chunks[this.#chunks.length - 1] = block.subarray(0, this.#usedBytes);
  }

  /** Puts bytes in front of everything. */
  unshift(bytes: Uint8Array): void {
    if (this.isEmpty) this.#block = undefined;
    this.#chunks.unshift(bytes);
  }

  /** Removes and returns the oldest piece. */
  shift(): Uint8Array | undefined {
    const bytes = this.#chunks.shift();
    if (this.isEmpty) this.#block = undefined;
    return bytes;
  }

  clear(): void {
    this.#chunks = [];
    this.#block = undefined;
  }

  #blockFor(lengthBytes: number): Uint8Array {
    if (this.#block && this.#block.length - this.#usedBytes >= lengthBytes) return this.#block;
    const block = new Uint8Array(Math.max(muxLimits.blockBytes, lengthBytes));
    this.#block = block;
    this.#usedBytes = 0;
    this.#chunks.push(block.subarray(0, 0));
    return block;
  }
}
