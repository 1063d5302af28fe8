/** HTTP/2 frames (RFC 9113) to bytes, and the words both directions share. */

import { KtError } from "#base/errors.ts";

/** What a client sends before its first frame (RFC 9113 §3.4). */
export const h2Preface: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameHeaderBytes = 9;
/** SETTINGS_MAX_FRAME_SIZE before settings say otherwise, which kt's never do. */
export const defaultFrameBytes = 16384;
/** The most that a peer may set it to (RFC 9113 §6.5.2). */
export const maxFrameBytes = 2 ** 24 - 1;
/** Flow-control windows before settings say otherwise. */
export const defaultWindowBytes = 65535;
export const maxWindowBytes = 2 ** 31 - 1;
export const maxStreamId = 2 ** 31 - 1;

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** Error codes (RFC 9113 §7) that kt sends or acts on. */
export const h2Codes = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

/** Identifiers of settings (RFC 9113 §6.5.2; the last: RFC 8441 §3). */
export const h2Settings = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

export type Setting = readonly [identifier: number, value: number];

/** A violation that ends the connection, with the code that is sent to the peer. */
export class H2Error extends KtError {
  /** One of RFC 9113 §7. */
  readonly h2Code: number;

  constructor(h2Code: number, what: string) {
    super("protocol", `reading HTTP/2: ${what}`);
    this.h2Code = h2Code;
  }
}

/** Writes a frame's header at `at`; the payload goes behind it. */
function writeFrameHeader(into: Uint8Array, at: number, length: number, type: number, flags: number, streamId: number): void {
  into[at] = length >> 16;
  into[at + 1] = length >> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  writeUint32(into, at + 5, streamId);
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

function writeUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

export function encodeFrameHeader(length: number, type: number, flags: number, streamId: number): Uint8Array {
  const header = new Uint8Array(frameHeaderBytes);
  writeFrameHeader(header, 0, length, type, flags, streamId);
  return header;
}

/** A whole frame. */
export function encodeFrame(type: number, flags: number, streamId: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameHeaderBytes + payload.length);
  writeFrameHeader(frame, 0, payload.length, type, flags, streamId);
  frame.set(payload, frameHeaderBytes);
  return frame;
}

function encodeNumbers(type: number, streamId: number, ...numbers: readonly number[]): Uint8Array {
  const payload = new Uint8Array(numbers.length * 4);
  for (const [index, value] of numbers.entries()) writeUint32(payload, index * 4, value);
  return encodeFrame(type, 0, streamId, payload);
}

export function encodeSettings(settings: readonly Setting[]): Uint8Array {
  const payload = new Uint8Array(settings.length * 6);
  for (const [index, [identifier, value]] of settings.entries()) {
    payload[index * 6] = identifier >> 8;
    payload[index * 6 + 1] = identifier;
    writeUint32(payload, index * 6 + 2, value);
  }
  return encodeFrame(frameTypes.settings, 0, 0, payload);
}

export const settingsAck: Uint8Array = encodeFrame(frameTypes.settings, frameFlags.ack, 0, new Uint8Array(0));

export function encodePing(opaque: Uint8Array, ack: boolean): Uint8Array {
  return encodeFrame(frameTypes.ping, ack ? frameFlags.ack : 0, 0, opaque);
}

export function encodeWindowUpdate(streamId: number, incrementBytes: number): Uint8Array {
  return encodeNumbers(frameTypes.windowUpdate, streamId, incrementBytes);
}

export function encodeReset(streamId: number, code: number): Uint8Array {
  return encodeNumbers(frameTypes.reset, streamId, code);
}

export function encodeGoaway(lastStreamId: number, code: number): Uint8Array {
  return encodeNumbers(frameTypes.goaway, 0, lastStreamId, code);
}

/** A header block as HEADERS and as many CONTINUATION frames as it takes, in one piece: nothing may come between them. */
export function encodeHeadersFrames(streamId: number, block: Uint8Array, endStream: boolean, frameBytes: number): Uint8Array {
  const count = Math.max(1, Math.ceil(block.length / frameBytes));
  const frames = new Uint8Array(count * frameHeaderBytes + block.length);
  for (let index = 0, at = 0; index < count; index++) {
    const piece = block.subarray(index * frameBytes, (index + 1) * frameBytes);
    const flags = (index === count - 1 ? frameFlags.endHeaders : 0) | (index === 0 && endStream ? frameFlags.endStream : 0);
    writeFrameHeader(frames, at, piece.length, index === 0 ? frameTypes.headers : frameTypes.continuation, flags, streamId);
    frames.set(piece, at + frameHeaderBytes);
    at += frameHeaderBytes + piece.length;
  }
  return frames;
}
