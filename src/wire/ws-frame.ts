/** RFC 6455: frames to bytes, and the arithmetic of the handshake. Our own, because the W3C WebSocket cannot pause a sender. */

import { concatBytes } from "#base/bytes.ts";
import { assert } from "#base/errors.ts";

/** §5.2. */
export const wsOpcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export type WsOpcode = (typeof wsOpcodes)[keyof typeof wsOpcodes];

/** §7.4.1: why a connection is closed. */
export const wsCloseCodes = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupported: 1003,
  noStatus: 1005,
  internalError: 1011,
} as const;

/** §5.5: control frames are this short, so that they can be held whole. */
export const maxControlPayloadBytes = 125;

/** §1.3: what a server appends to the client's key. */
const handshakeGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const utf8Encoder = new TextEncoder();

export interface WsFrameOptions {
  /** A client's masking key, 32 random bits, fresh for each frame (§5.3); servers send none. */
  readonly mask?: number | undefined;
  /** False when continuation frames will follow; default true. */
  readonly fin?: boolean;
}

/** One frame whose payload is `parts` one after the other, in one array: a copy, because a client must mask what it sends. */
export function encodeWsFrame(opcode: WsOpcode, parts: readonly Uint8Array[], options: WsFrameOptions = {}): Uint8Array {
  const lengthBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const head = encodeHead(opcode, lengthBytes, options);
  // The payload begins on a multiple of four, so that it can be masked a word at a time.
  const padding = -head.length & 3;
  const whole = new Uint8Array(padding + head.length + lengthBytes);
  whole.set(head, padding);
  let at = padding + head.length;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  if (options.mask !== undefined) applyMask(whole.subarray(padding + head.length), options.mask, 0);
  return whole.subarray(padding);
}

/** A close frame (§5.5.1). The reason is cut to what a control frame holds. */
export function encodeWsClose(code: number, reason: string, mask?: number): Uint8Array {
  const payload = new Uint8Array(maxControlPayloadBytes);
  payload[0] = code >>> 8;
  payload[1] = code;
  const { written } = utf8Encoder.encodeInto(reason, payload.subarray(2));
  return encodeWsFrame(wsOpcodes.close, [payload.subarray(0, 2 + written)], { mask });
}

/**
 * XORs bytes with a masking key in place (§5.3). `phase` is how many bytes of the frame's payload came before these. Fast
 * where `bytes` begins on a multiple of four.
 */
export function applyMask(bytes: Uint8Array, mask: number, phase: number): void {
  const key = rotate(mask, phase);
  const wholeWords = bytes.byteOffset % 4 === 0 ? bytes.length >>> 2 : 0;
  if (wholeWords > 0) {
    const littleEndianKey = swapBytes(key);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, wholeWords);
    for (let at = 0; at < wholeWords; at++) words[at] = (words[at] as number) ^ littleEndianKey;
  }
  for (let at = wholeWords * 4; at < bytes.length; at++) bytes[at] = (bytes[at] as number) ^ (key >>> (24 - 8 * (at & 3)));
}

/** The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (§4.2.2). SHA-1 is the caller's, so that this stays arithmetic. */
export function wsAccept(key: string, sha1: (text: string) => Uint8Array): string {
  return btoa(String.fromCharCode(...sha1(key + handshakeGuid)));
}

function encodeHead(opcode: WsOpcode, lengthBytes: number, options: WsFrameOptions): Uint8Array {
  assert(opcode < wsOpcodes.close || lengthBytes <= maxControlPayloadBytes, `a WebSocket control frame of ${lengthBytes} bytes`);
  const fin = (options.fin ?? true) ? 0x80 : 0;
  const masked = options.mask === undefined ? 0 : 0x80;
  const first = fin | opcode;
  const parts = [encodeLength(first, masked, lengthBytes)];
  if (options.mask !== undefined) parts.push(bigEndian(options.mask));
  return concatBytes(parts);
}

function encodeLength(first: number, masked: number, lengthBytes: number): Uint8Array {
  if (lengthBytes < 126) return Uint8Array.of(first, masked | lengthBytes);
  if (lengthBytes < 0x1_00_00) return Uint8Array.of(first, masked | 126, lengthBytes >>> 8, lengthBytes);
  const high = bigEndian(Math.floor(lengthBytes / 0x1_00_00_00_00));
  return concatBytes([Uint8Array.of(first, masked | 127), high, bigEndian(lengthBytes)]);
}

function bigEndian(word: number): Uint8Array {
  return Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word);
}

/** The key as the byte at `phase` sees it first. */
function rotate(mask: number, phase: number): number {
  const bits = (phase & 3) * 8;
  return bits === 0 ? mask : (mask << bits) | (mask >>> (32 - bits));
}

/** Typed arrays have the machine's byte order, which is little endian wherever Bun runs. */
function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
