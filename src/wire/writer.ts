/** A cursor that writes into bytes of known length, big endian. */

import { assert } from "#base/errors.ts";

/** Fills a fresh array from front to back; the length is the caller's to know. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(length: number) {
    this.#bytes = new Uint8Array(length);
  }

  u8(value: number): this {
    this.#bytes[this.#at++] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u24(value: number): this {
    return this.u8(value >>> 16).u16(value);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value);
  }

  put(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** The whole array, which must be full. */
  finish(): Uint8Array {
    assert(this.#at === this.#bytes.length, `wrote ${this.#at} of ${this.#bytes.length} bytes`);
    return this.#bytes;
  }
}
