/** Splits a SPDY connection's bytes into frames as they arrive; data payloads pass straight through, never copied or held. */

import { ByteQueue, emptyBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "./limits.ts";
import { decodeControlFrame, decodeFrameHeader, frameHeaderBytes, type SpdyControlFrame } from "./spdy-frame.ts";

/** Receives what was decoded. Neither method may call back into the decoder. */
export interface SpdyFrameHandler {
  /**
   * A piece of a data frame, as a view on the bytes given to `decode`; a frame may come in many pieces. `fin` comes with the
   * last piece only. An empty frame is one empty piece.
   */
  onData(stream: number, bytes: Uint8Array, fin: boolean): void;
  onControl(frame: SpdyControlFrame): void;
}

/** What the decoder is in the middle of. */
type Position =
  | { readonly kind: "header" }
  | { readonly kind: "data"; readonly stream: number; readonly fin: boolean; remainingBytes: number }
  | { readonly kind: "control"; readonly typeNumber: number; readonly flags: number; readonly lengthBytes: number };

const atHeader: Position = { kind: "header" };

/** After `decode` has thrown, the rest of the connection cannot be decoded: drop the decoder with it. */
export class SpdyDecoder {
  readonly #handler: SpdyFrameHandler;
  /** A header or control frame that has not arrived in full: less than `wireLimits.spdyControlFrameBytes`. */
  readonly #partial = new ByteQueue();
  #position: Position = atHeader;

  constructor(handler: SpdyFrameHandler) {
    this.#handler = handler;
  }

  /** Takes the next bytes of the connection. Throws KtError `protocol`. */
  decode(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) at = this.#step(bytes, at);
  }

  #step(bytes: Uint8Array, at: number): number {
    const position = this.#position;
    switch (position.kind) {
      case "header":
        return this.#readHeader(bytes, at);
      case "data":
        return this.#readData(position, bytes, at);
      case "control":
        return this.#readControl(position, bytes, at);
    }
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    if (this.#partial.length === 0 && bytes.length - at >= frameHeaderBytes) {
      this.#beginFrame(bytes, at);
      return at + frameHeaderBytes;
    }
    const next = this.#collect(bytes, at, frameHeaderBytes);
    if (this.#partial.length === frameHeaderBytes) this.#beginFrame(this.#partial.takeAll(), 0);
    return next;
  }

  #beginFrame(bytes: Uint8Array, at: number): void {
    const header = decodeFrameHeader(bytes, at);
    if (header.control) this.#beginControl(header.typeNumber, header.flags, header.lengthBytes);
    else if (header.lengthBytes === 0) this.#handler.onData(header.stream, emptyBytes, header.fin);
    else this.#position = { kind: "data", stream: header.stream, fin: header.fin, remainingBytes: header.lengthBytes };
  }

  #beginControl(typeNumber: number, flags: number, lengthBytes: number): void {
    if (lengthBytes > wireLimits.spdyControlFrameBytes) {
      throw new KtError("protocol", `the peer sent a SPDY control frame of ${lengthBytes} bytes`);
    }
    if (lengthBytes === 0) this.#handler.onControl(decodeControlFrame(typeNumber, flags, emptyBytes));
    else this.#position = { kind: "control", typeNumber, flags, lengthBytes };
  }

  #readData(position: Extract<Position, { kind: "data" }>, bytes: Uint8Array, at: number): number {
    const next = Math.min(bytes.length, at + position.remainingBytes);
    position.remainingBytes -= next - at;
    const last = position.remainingBytes === 0;
    if (last) this.#position = atHeader;
    this.#handler.onData(position.stream, bytes.subarray(at, next), last && position.fin);
    return next;
  }

  #readControl(position: Extract<Position, { kind: "control" }>, bytes: Uint8Array, at: number): number {
    if (this.#partial.length === 0 && bytes.length - at >= position.lengthBytes) {
      const next = at + position.lengthBytes;
      this.#endControl(position, bytes.subarray(at, next));
      return next;
    }
    const next = this.#collect(bytes, at, position.lengthBytes);
    if (this.#partial.length === position.lengthBytes) this.#endControl(position, this.#partial.takeAll());
    return next;
  }

  #endControl(position: Extract<Position, { kind: "control" }>, payload: Uint8Array): void {
    this.#position = atHeader;
    this.#handler.onControl(decodeControlFrame(position.typeNumber, position.flags, payload));
  }

  /** Keeps a copy (so that a large chunk is not held for a few bytes) of what is still missing of `wantedBytes`. */
  #collect(bytes: Uint8Array, at: number, wantedBytes: number): number {
    const next = Math.min(bytes.length, at + wantedBytes - this.#partial.length);
    this.#partial.push(bytes.slice(at, next));
    return next;
  }
}
