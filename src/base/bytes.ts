/** A queue of byte chunks with peek, take and a hard cap. */

import { KtError } from "./errors.ts";

export const emptyBytes: Uint8Array = new Uint8Array(0);

/** Joins chunks into one; a single chunk is returned as it is. */
export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/** First in, first out. Chunks are kept by reference and never copied unless a read spans two of them. */
export class ByteQueue {
  readonly #capBytes: number;
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** What the chunks were last joined in, and how much of it is in use: more is appended to it. */
  #joined = emptyBytes;
  #joinedUsed = 0;

  constructor(capBytes = Number.POSITIVE_INFINITY) {
    this.#capBytes = capBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a chunk. Throws KtError `protocol` when that would exceed the cap; nothing is added then. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#length + bytes.length > this.#capBytes) {
      throw new KtError("protocol", `more than ${this.#capBytes} bytes waiting`);
    }
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  /** Everything waiting as one array, still in the queue. */
  peek(): Uint8Array {
    if (this.#chunks.length === 0) return emptyBytes;
    if (this.#chunks.length > 1) this.#chunks = [this.#join()];
    return this.#chunks[0] as Uint8Array;
  }

  /** Removes and returns everything waiting. */
  takeAll(): Uint8Array {
    const all = this.peek();
    // One chunk at most: emptying the array is cheaper than another one.
    this.#chunks.pop();
    this.#length = 0;
    this.#joined = emptyBytes;
    return all;
  }

  /** Room is left for twice as much when there was a join before: many small chunks with a look at each cost no more than one copy. */
  #join(): Uint8Array {
    const first = this.#chunks[0] as Uint8Array;
    const isJoined = first.buffer === this.#joined.buffer && first.byteOffset + first.length === this.#joinedUsed;
    if (!isJoined) return this.#joinIn(new Uint8Array(this.#length), 0, this.#chunks);
    const fits = first.byteOffset + this.#length <= this.#joined.length;
    if (fits) return this.#joinIn(this.#joined, first.byteOffset, this.#chunks.slice(1), first.length);
    return this.#joinIn(new Uint8Array(this.#length * 2), 0, this.#chunks);
  }

  #joinIn(buffer: Uint8Array, start: number, chunks: readonly Uint8Array[], kept = 0): Uint8Array {
    let at = start + kept;
    for (const chunk of chunks) {
      buffer.set(chunk, at);
      at += chunk.length;
    }
    this.#joined = buffer;
    this.#joinedUsed = at;
    return buffer.subarray(start, at);
  }

  /** Removes the first `count` bytes, which must be waiting, and returns them. */
  take(count: number): Uint8Array {
    const all = this.peek();
    if (count >= all.length) return this.takeAll();
    this.#chunks[0] = all.subarray(count);
    this.#length -= count;
    return all.subarray(0, count);
  }

  /** Removes and returns the oldest chunk, or undefined. */
  shift(): Uint8Array | undefined {
    const chunk = this.#chunks.shift();
    if (chunk) this.#length -= chunk.length;
    return chunk;
  }
}
