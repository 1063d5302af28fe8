/** Splits the bytes of a relay's session into frames as they arrive; data passes straight through, never held. */

import { ByteQueue } from "#base/bytes.ts";
import {
  decodeRelayHeader,
  decodeRelayPayload,
  maxRelayPayloadBytes,
  type RelayFrame,
  type RelayHeader,
  relayHeaderBytes,
} from "./relay-frame.ts";

/** Hears what was decoded. No method may call back into the decoder. */
export interface RelayFrameHandler {
  /** A piece of a stream's data, as a view on the bytes given to `decode`. */
  onData(stream: number, bytes: Uint8Array): void;
  onFrame(frame: RelayFrame): void;
}

/** After `decode` has thrown, the decoder must be dropped with its connection. */
export class RelayDecoder {
  readonly #handler: RelayFrameHandler;
  /** A header, or a frame other than data, that has not arrived in full. */
  readonly #partial = new ByteQueue(relayHeaderBytes + maxRelayPayloadBytes);
  #head: RelayHeader | undefined;
  /** What is still to come of the payload of a data frame. */
  #restBytes = 0;

  constructor(handler: RelayFrameHandler) {
    this.#handler = handler;
  }

  /** Takes the next bytes of the connection. Throws KtError `protocol`. */
  decode(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) at = this.#step(bytes, at);
  }

  #step(bytes: Uint8Array, at: number): number {
    if (!this.#head) return this.#readHead(bytes, at);
    if (this.#head.type === "data") return this.#readData(this.#head, bytes, at);
    return this.#readPayload(this.#head, bytes, at);
  }

  #readHead(bytes: Uint8Array, at: number): number {
    const whole = this.#collect(relayHeaderBytes, bytes, at);
    if (whole.bytes === undefined) return whole.next;
    const head = decodeRelayHeader(whole.bytes, 0);
    if (head.type === "data") this.#restBytes = head.lengthBytes;
    if (head.lengthBytes > 0) this.#head = head;
    else if (head.type !== "data") this.#handler.onFrame(decodeRelayPayload(head, new Uint8Array(0)));
    return whole.next;
  }

  #readData({ stream }: RelayHeader, bytes: Uint8Array, at: number): number {
    const piece = bytes.subarray(at, at + this.#restBytes);
    this.#restBytes -= piece.length;
    if (this.#restBytes === 0) this.#head = undefined;
    this.#handler.onData(stream, piece);
    return at + piece.length;
  }

  #readPayload(head: RelayHeader, bytes: Uint8Array, at: number): number {
    const whole = this.#collect(head.lengthBytes, bytes, at);
    if (whole.bytes === undefined) return whole.next;
    this.#head = undefined;
    this.#handler.onFrame(decodeRelayPayload(head, whole.bytes));
    return whole.next;
  }

  /** So many bytes as one piece, once they are there: a view where they arrived together. */
  #collect(count: number, bytes: Uint8Array, at: number): { readonly bytes: Uint8Array | undefined; readonly next: number } {
    const missing = count - this.#partial.length;
    const piece = bytes.subarray(at, at + missing);
    const next = at + piece.length;
    if (this.#partial.length === 0 && piece.length === count) return { bytes: piece, next };
    this.#partial.push(piece);
    return { bytes: piece.length === missing ? this.#partial.takeAll() : undefined, next };
  }
}
