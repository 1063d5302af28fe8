/** Bytes waiting to be sent, small pieces joined so that few writes are needed. */

import { muxLimits } from "./limits.ts";

const noBlock = new Uint8Array(0);

export class Outbox {
  readonly #byReferenceBytes: number;
  #chunks: Uint8Array[] = [];
  /** The block being filled, and how much of it is used; what lies before `#blockStart` is in `#chunks` already. */
  #block = noBlock;
  #blockStart = 0;
  #blockEnd = 0;

  /** `byReferenceBytes`: from this size on bytes are not copied, and are a write of their own. */
  constructor(byReferenceBytes: number = muxLimits.byReferenceBytes) {
    this.#byReferenceBytes = byReferenceBytes;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0 && this.#blockEnd === this.#blockStart;
  }

  /** Adds bytes, which must not be changed afterwards. */
  push(bytes: Uint8Array): void {
    if (bytes.length >= this.#byReferenceBytes) {
      this.#seal();
      this.#chunks.push(bytes);
      return;
    }
    this.reserve(bytes.length, (block, at) => block.set(bytes, at));
  }

  /** Makes room for a few bytes and has them written in place. */
  reserve(lengthBytes: number, write: (block: Uint8Array, at: number) => void): void {
    if (this.#block.length - this.#blockEnd < lengthBytes) {
      this.#seal();
      this.#block = new Uint8Array(Math.max(muxLimits.blockBytes, lengthBytes));
      this.#blockStart = 0;
      this.#blockEnd = 0;
    }
    write(this.#block, this.#blockEnd);
    this.#blockEnd += lengthBytes;
  }

  /** Removes and returns everything, in order. */
  take(): Uint8Array[] {
    this.#seal();
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  /** What was written to the block so far becomes a chunk; the block goes on behind it. */
  #seal(): void {
    if (this.#blockEnd === this.#blockStart) return;
    this.#chunks.push(this.#block.subarray(this.#blockStart, this.#blockEnd));
    this.#blockStart = this.#blockEnd;
  }
}
