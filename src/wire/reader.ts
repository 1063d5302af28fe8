/** A bounds-checked cursor over received bytes, big endian. */

import { KtError } from "#base/errors.ts";

/** Reads from front to back. Every read past the end throws KtError `protocol` and moves nothing. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** The offset of the next byte. */
  get at(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    const at = this.#advance(1);
    return this.#byte(at);
  }

  u16(): number {
    const at = this.#advance(2);
    return (this.#byte(at) << 8) | this.#byte(at + 1);
  }

  u24(): number {
    const at = this.#advance(3);
    return (this.#byte(at) << 16) | (this.#byte(at + 1) << 8) | this.#byte(at + 2);
  }

  /** Unsigned: shifts in JavaScript are signed, so the top byte is shifted back. */
  u32(): number {
    const at = this.#advance(4);
    const low = (this.#byte(at + 1) << 16) | (this.#byte(at + 2) << 8) | this.#byte(at + 3);
    return ((this.#byte(at) << 24) | low) >>> 0;
  }

  /** The next `count` bytes as a view on the input. */
  take(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Everything that is left, as a view on the input. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  #byte(at: number): number {
    return this.#bytes[at] as number;
  }

  #advance(count: number): number {
    const at = this.#at;
    if (count > this.remaining) throw new KtError("protocol", `a message ends ${count - this.remaining} bytes early`);
    this.#at += count;
    return at;
  }
}
