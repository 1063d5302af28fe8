/** Splits a WebSocket connection's bytes into messages as they arrive; message payloads pass straight through, never held. */

import { ByteQueue, emptyBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { ByteReader } from "./reader.ts";
import { applyMask, maxControlPayloadBytes, wsCloseCodes, wsOpcodes } from "./ws-frame.ts";

/** Hears what was decoded. No method may call back into the decoder. */
export interface WsHandler {
  /**
   * A piece of a message: for a client a view on the bytes given to `decode`, for a server an unmasked copy. Messages come in
   * any number of pieces; `fin` comes with the last one, which may be empty.
   */
  onMessage(kind: "text" | "binary", bytes: Uint8Array, fin: boolean): void;
  /** To be answered with a pong of the same payload. */
  onPing(payload: Uint8Array): void;
  onPong(payload: Uint8Array): void;
  /** Nothing follows. The code is 1005 when the peer gave none. */
  onClose(code: number, reason: string): void;
}

/** What precedes a payload (RFC 6455 §5.2). */
interface Head {
  readonly opcode: number;
  readonly fin: boolean;
  readonly mask: number | undefined;
  readonly lengthBytes: number;
}

type Position =
  | { readonly kind: "head" }
  | { readonly kind: "message"; readonly head: Head; doneBytes: number }
  | { readonly kind: "control"; readonly head: Head }
  /** The peer has sent its close frame; what follows is dropped. */
  | { readonly kind: "closed" };

const atHead: Position = { kind: "head" };

/** §5.2: two bytes, at most eight more of length, and four of mask. */
const maxHeadBytes = 14;

const utf8Decoder = new TextDecoder();

/** After `decode` has thrown, the decoder must be dropped with its connection. */
export class WsDecoder {
  readonly #role: "client" | "server";
  readonly #handler: WsHandler;
  /** A head or control frame that has not arrived in full. */
  readonly #partial = new ByteQueue(maxHeadBytes + maxControlPayloadBytes);
  #position: Position = atHead;
  /** The kind of the message whose fragments are arriving. */
  #fragmented: "text" | "binary" | undefined;

  /** `role` is ours: a client gets unmasked frames only, a server masked ones only (§5.1). */
  constructor(role: "client" | "server", handler: WsHandler) {
    this.#role = role;
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
      case "head":
        return this.#readHead(bytes, at);
      case "message":
        return this.#readMessage(position, bytes, at);
      case "control":
        return this.#readControl(position.head, bytes, at);
      case "closed":
        return bytes.length;
    }
  }

  #readHead(bytes: Uint8Array, at: number): number {
    if (this.#partial.length === 0) {
      const size = headBytes(bytes, at);
      if (size !== undefined && bytes.length - at >= size) {
        this.#beginFrame(decodeHead(bytes, at));
        return at + size;
      }
    }
    return this.#collectHead(bytes, at);
  }

  /** One byte at a time until the head is whole: how long it is stands in its second byte. */
  #collectHead(bytes: Uint8Array, at: number): number {
    this.#partial.push(bytes.slice(at, at + 1));
    const collected = this.#partial.peek();
    if (headBytes(collected, 0) === collected.length) this.#beginFrame(decodeHead(this.#partial.takeAll(), 0));
    return at + 1;
  }

  #beginFrame(head: Head): void {
    if ((head.mask === undefined) !== (this.#role === "client")) {
      throw new KtError("protocol", "the peer sent a WebSocket frame with the wrong masking");
    }
    if (head.opcode >= wsOpcodes.close) this.#beginControl(head);
    else this.#beginMessage(head);
  }

  #beginControl(head: Head): void {
    const known = head.opcode === wsOpcodes.close || head.opcode === wsOpcodes.ping || head.opcode === wsOpcodes.pong;
    if (!known || !head.fin || head.lengthBytes > maxControlPayloadBytes) {
      throw new KtError("protocol", `the peer sent an invalid WebSocket control frame (opcode ${head.opcode}, ${head.lengthBytes} bytes)`);
    }
    if (head.lengthBytes === 0) this.#endControl(head, emptyBytes);
    else this.#position = { kind: "control", head };
  }

  #beginMessage(head: Head): void {
    const continues = head.opcode === wsOpcodes.continuation;
    if (head.opcode > wsOpcodes.binary || continues !== (this.#fragmented !== undefined)) {
      throw new KtError("protocol", `the peer sent an unexpected WebSocket frame (opcode ${head.opcode})`);
    }
    if (!continues) this.#fragmented = head.opcode === wsOpcodes.text ? "text" : "binary";
    if (head.lengthBytes === 0) this.#emitMessage(emptyBytes, head.fin);
    else this.#position = { kind: "message", head, doneBytes: 0 };
  }

  #readMessage(position: Extract<Position, { kind: "message" }>, bytes: Uint8Array, at: number): number {
    const { head, doneBytes } = position;
    const next = Math.min(bytes.length, at + head.lengthBytes - doneBytes);
    position.doneBytes += next - at;
    const last = position.doneBytes === head.lengthBytes;
    if (last) this.#position = atHead;
    this.#emitMessage(unmasked(bytes, at, next, head.mask, doneBytes), last && head.fin);
    return next;
  }

  #emitMessage(bytes: Uint8Array, fin: boolean): void {
    const kind = this.#fragmented ?? "binary";
    if (fin) this.#fragmented = undefined;
    if (fin || bytes.length > 0) this.#handler.onMessage(kind, bytes, fin);
  }

  #readControl(head: Head, bytes: Uint8Array, at: number): number {
    const next = Math.min(bytes.length, at + head.lengthBytes - this.#partial.length);
    this.#partial.push(unmasked(bytes, at, next, head.mask, this.#partial.length).slice());
    if (this.#partial.length === head.lengthBytes) this.#endControl(head, this.#partial.takeAll());
    return next;
  }

  #endControl(head: Head, payload: Uint8Array): void {
    this.#position = atHead;
    if (head.opcode === wsOpcodes.ping) this.#handler.onPing(payload);
    else if (head.opcode === wsOpcodes.pong) this.#handler.onPong(payload);
    else this.#endConnection(payload);
  }

  #endConnection(payload: Uint8Array): void {
    this.#position = { kind: "closed" };
    const reader = new ByteReader(payload);
    const code = payload.length === 0 ? wsCloseCodes.noStatus : reader.u16();
    this.#handler.onClose(code, utf8Decoder.decode(reader.rest()));
  }
}

/** How long the head at `at` is; undefined until its second byte is there. */
function headBytes(bytes: Uint8Array, at: number): number | undefined {
  const second = bytes[at + 1];
  if (second === undefined) return undefined;
  const length = second & 0x7f;
  const extended = length === 127 ? 8 : length === 126 ? 2 : 0;
  return 2 + extended + (second >= 0x80 ? 4 : 0);
}

function decodeHead(bytes: Uint8Array, at: number): Head {
  const reader = new ByteReader(bytes, at);
  const first = reader.u8();
  const second = reader.u8();
  if ((first & 0x70) !== 0) throw new KtError("protocol", "the peer sent a WebSocket frame of an extension that was not agreed");
  const lengthBytes = decodeLength(second & 0x7f, reader);
  const mask = second >= 0x80 ? reader.u32() : undefined;
  return { opcode: first & 0x0f, fin: first >= 0x80, mask, lengthBytes };
}

function decodeLength(short: number, reader: ByteReader): number {
  if (short === 126) return reader.u16();
  if (short < 126) return short;
  const lengthBytes = reader.u32() * 0x1_00_00_00_00 + reader.u32();
  if (!Number.isSafeInteger(lengthBytes)) throw new KtError("protocol", "the peer sent a WebSocket frame of an impossible length");
  return lengthBytes;
}

/** A view where nothing is masked, else a copy: received bytes are not ours to change. */
function unmasked(bytes: Uint8Array, from: number, to: number, mask: number | undefined, phase: number): Uint8Array {
  if (mask === undefined) return bytes.subarray(from, to);
  const copy = bytes.slice(from, to);
  applyMask(copy, mask, phase);
  return copy;
}
