/** SPDY/3.1 frames to and from bytes. Header blocks stay compressed here: see spdy-headers. */

import { KtError, unreachable } from "#base/errors.ts";
import { ByteReader } from "./reader.ts";
import { ByteWriter } from "./writer.ts";

/** Section numbers in this file are those of SPDY Protocol draft 3.1. */
const version = 3;

/** §2.2: every frame begins with 8 bytes, the last three of which are the length of what follows. */
export const frameHeaderBytes = 8;

/** Stream ids have 31 bits. */
export const maxStreamId = 0x7f_ff_ff_ff;

const flagFin = 0x01;
const flagUnidirectional = 0x02;

const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

/** §2.6.3: why a stream was reset. */
export const resetStatus = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  internalError: 6,
} as const;

export interface SpdySetting {
  readonly flags: number;
  readonly id: number;
  readonly value: number;
}

export type SpdyControlFrame =
  | {
      readonly type: "syn-stream";
      readonly stream: number;
      readonly associatedTo: number;
      /** 0 is the most urgent, 7 the least. */
      readonly priority: number;
      readonly fin: boolean;
      readonly unidirectional: boolean;
      readonly headerBlock: Uint8Array;
    }
  | { readonly type: "syn-reply" | "headers"; readonly stream: number; readonly fin: boolean; readonly headerBlock: Uint8Array }
  | { readonly type: "rst-stream"; readonly stream: number; readonly status: number }
  | { readonly type: "settings"; readonly clear: boolean; readonly settings: readonly SpdySetting[] }
  | { readonly type: "ping"; readonly id: number }
  | { readonly type: "go-away"; readonly lastGoodStream: number; readonly status: number }
  | { readonly type: "window-update"; readonly stream: number; readonly delta: number }
  /** §2.2.1: a type we do not know; to be ignored. */
  | { readonly type: "unknown"; readonly typeNumber: number };

/** The first 8 bytes of a frame. */
export type SpdyFrameHeader =
  | { readonly control: true; readonly typeNumber: number; readonly flags: number; readonly lengthBytes: number }
  | { readonly control: false; readonly stream: number; readonly fin: boolean; readonly lengthBytes: number };

/** Reads a frame header at `at`; eight bytes must be there. Throws KtError `protocol` on another version of SPDY. */
export function decodeFrameHeader(bytes: Uint8Array, at: number): SpdyFrameHeader {
  const reader = new ByteReader(bytes, at);
  const first = reader.u32();
  const flags = reader.u8();
  const lengthBytes = reader.u24();
  if (first <= maxStreamId) return { control: false, stream: streamId(first), fin: (flags & flagFin) !== 0, lengthBytes };
  const theirs = (first >>> 16) & 0x7fff;
  if (theirs !== version) throw new KtError("protocol", `the peer does not speak SPDY/3.1: got version ${theirs}`);
  return { control: true, typeNumber: first & 0xffff, flags, lengthBytes };
}

/** Decodes what follows the header of a control frame. Header blocks are views on `payload`. */
export function decodeControlFrame(typeNumber: number, flags: number, payload: Uint8Array): SpdyControlFrame {
  const reader = new ByteReader(payload);
  switch (typeNumber) {
    case frameTypes.synStream:
      return decodeSynStream(flags, reader);
    case frameTypes.synReply:
      return { type: "syn-reply", ...decodeHeaderBearing(flags, reader) };
    case frameTypes.headers:
      return { type: "headers", ...decodeHeaderBearing(flags, reader) };
    case frameTypes.rstStream:
      return { type: "rst-stream", stream: streamId(reader.u32()), status: reader.u32() };
    case frameTypes.settings:
      return decodeSettings(flags, reader);
    case frameTypes.ping:
      return { type: "ping", id: reader.u32() };
    case frameTypes.goAway:
      return { type: "go-away", lastGoodStream: reader.u32() & maxStreamId, status: reader.u32() };
    case frameTypes.windowUpdate:
      return { type: "window-update", stream: reader.u32() & maxStreamId, delta: reader.u32() & maxStreamId };
    default:
      return { type: "unknown", typeNumber };
  }
}

/** Writes a data frame's header into `into` at `at`; the payload follows it. */
export function writeDataHeader(into: Uint8Array, at: number, stream: number, lengthBytes: number, fin: boolean): void {
  into[at] = stream >>> 24;
  into[at + 1] = stream >>> 16;
  into[at + 2] = stream >>> 8;
  into[at + 3] = stream;
  into[at + 4] = fin ? flagFin : 0;
  into[at + 5] = lengthBytes >>> 16;
  into[at + 6] = lengthBytes >>> 8;
  into[at + 7] = lengthBytes;
}

/** A whole control frame as bytes. `unknown` is only ever received. */
export function encodeControlFrame(frame: Exclude<SpdyControlFrame, { type: "unknown" }>): Uint8Array {
  switch (frame.type) {
    case "syn-stream":
      return encodeSynStream(frame);
    case "syn-reply":
      return encodeHeaderBearing(frameTypes.synReply, frame);
    case "headers":
      return encodeHeaderBearing(frameTypes.headers, frame);
    case "rst-stream":
      return begin(frameTypes.rstStream, 0, 8).u32(frame.stream).u32(frame.status).finish();
    case "settings":
      return encodeSettings(frame);
    case "ping":
      return begin(frameTypes.ping, 0, 4).u32(frame.id).finish();
    case "go-away":
      return begin(frameTypes.goAway, 0, 8).u32(frame.lastGoodStream).u32(frame.status).finish();
    case "window-update":
      return begin(frameTypes.windowUpdate, 0, 8).u32(frame.stream).u32(frame.delta).finish();
    default:
      return unreachable(frame);
  }
}

/** The top bit is reserved; stream 0 does not exist. */
function streamId(word: number): number {
  const stream = word & maxStreamId;
  if (stream === 0) throw new KtError("protocol", "the peer sent a SPDY frame for stream 0");
  return stream;
}

function decodeSynStream(flags: number, reader: ByteReader): SpdyControlFrame {
  const stream = streamId(reader.u32());
  const associatedTo = reader.u32() & maxStreamId;
  const priority = reader.u8() >>> 5;
  reader.u8(); // the credential slot, which is not used
  const fin = (flags & flagFin) !== 0;
  const unidirectional = (flags & flagUnidirectional) !== 0;
  return { type: "syn-stream", stream, associatedTo, priority, fin, unidirectional, headerBlock: reader.rest() };
}

function decodeHeaderBearing(flags: number, reader: ByteReader): { stream: number; fin: boolean; headerBlock: Uint8Array } {
  return { stream: streamId(reader.u32()), fin: (flags & flagFin) !== 0, headerBlock: reader.rest() };
}

function decodeSettings(flags: number, reader: ByteReader): SpdyControlFrame {
  const count = reader.u32();
  if (count * 8 !== reader.remaining) throw new KtError("protocol", "a SPDY SETTINGS frame has the wrong length");
  const settings: SpdySetting[] = [];
  for (let i = 0; i < count; i++) settings.push({ flags: reader.u8(), id: reader.u24(), value: reader.u32() });
  return { type: "settings", clear: (flags & flagFin) !== 0, settings };
}

function begin(typeNumber: number, flags: number, payloadBytes: number): ByteWriter {
  const writer = new ByteWriter(frameHeaderBytes + payloadBytes);
  return writer
    .u16(0x8000 | version)
    .u16(typeNumber)
    .u8(flags)
    .u24(payloadBytes);
}

function encodeSynStream(frame: Extract<SpdyControlFrame, { type: "syn-stream" }>): Uint8Array {
  const flags = (frame.fin ? flagFin : 0) | (frame.unidirectional ? flagUnidirectional : 0);
  const writer = begin(frameTypes.synStream, flags, 10 + frame.headerBlock.length);
  writer.u32(frame.stream).u32(frame.associatedTo);
  return writer
    .u8(frame.priority << 5)
    .u8(0)
    .put(frame.headerBlock)
    .finish();
}

function encodeHeaderBearing(typeNumber: number, frame: Extract<SpdyControlFrame, { type: "syn-reply" | "headers" }>): Uint8Array {
  const writer = begin(typeNumber, frame.fin ? flagFin : 0, 4 + frame.headerBlock.length);
  return writer.u32(frame.stream).put(frame.headerBlock).finish();
}

function encodeSettings(frame: Extract<SpdyControlFrame, { type: "settings" }>): Uint8Array {
  const writer = begin(frameTypes.settings, frame.clear ? flagFin : 0, 4 + 8 * frame.settings.length);
  writer.u32(frame.settings.length);
  for (const setting of frame.settings) writer.u8(setting.flags).u24(setting.id).u32(setting.value);
  return writer.finish();
}
