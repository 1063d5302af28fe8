/** Takes the body of an HTTP/1 message out of its framing as it arrives (RFC 9112 §6, §7.1). */

import { type BodyErrorCode, ChunkReader } from "#wire/http-chunks.ts";
import type { Framing, Header } from "#wire/http-head.ts";

export class BodyDecoder {
  readonly #kind: Framing["kind"];
  readonly #chunks: ChunkReader | undefined;
  /** Of a body that is not chunked. */
  #leftBytes: number;
  #surplusBytes = 0;

  /** `code` is that of the errors of a body that breaks the rules. */
  constructor(framing: Framing, code: BodyErrorCode) {
    this.#kind = framing.kind;
    this.#chunks = framing.kind === "chunked" ? new ChunkReader(code) : undefined;
    this.#leftBytes = framing.kind === "length" ? framing.bytes : framing.kind === "none" ? 0 : Number.POSITIVE_INFINITY;
  }

  get done(): boolean {
    return this.#chunks?.done ?? this.#leftBytes === 0;
  }

  get trailers(): readonly Header[] {
    return this.#chunks?.trailers ?? [];
  }

  /** How many of the bytes that were read last came after the body's end. */
  get surplusBytes(): number {
    return this.#chunks?.surplusBytes ?? this.#surplusBytes;
  }

  /** The data in the next bytes of the connection. Throws KtError. */
  read(bytes: Uint8Array): readonly Uint8Array[] {
    if (this.#chunks) return this.#chunks.read(bytes);
    const count = Math.min(bytes.length, this.#leftBytes);
    this.#leftBytes -= count;
    this.#surplusBytes = bytes.length - count;
    if (count === 0) return [];
    return [count === bytes.length ? bytes : bytes.subarray(0, count)];
  }

  /** The connection has ended: false when the body was cut short. */
  end(): boolean {
    return this.done || this.#kind === "until-close";
  }
}
