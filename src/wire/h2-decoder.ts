/** HTTP/2 frames from bytes: DATA is delivered as it comes, only header blocks and small frames are collected, both bounded. */

import { concatBytes, emptyBytes } from "#base/bytes.ts";
import { wireLimits } from "./limits.ts";
import {
  defaultFrameBytes,
  frameFlags,
  frameHeaderBytes,
  frameTypes,
  H2Error,
  h2Codes,
  maxStreamId,
  readUint32,
  type Setting,
} from "./h2-frame.ts";

/** What a decoder tells. The callee may throw an H2Error for the whole connection; it goes out through `receive`. */
export interface FrameSink {
  /**
   * A piece of a DATA frame; it may be kept, not changed. `paddingBytes` count against the windows like `bytes` do. A frame gives
   * at least one piece; only a frame's last one can have `endStream`.
   */
  onDataPiece(streamId: number, bytes: Uint8Array, paddingBytes: number, endStream: boolean): void;
  /** A whole header block: HEADERS with its CONTINUATIONs. It may not be kept. */
  onHeaderBlock(streamId: number, block: Uint8Array, endStream: boolean): void;
  onReset(streamId: number, code: number): void;
  onSettings(settings: readonly Setting[]): void;
  onSettingsAck(): void;
  /** The eight bytes may be kept. */
  onPing(opaque: Uint8Array, ack: boolean): void;
  onGoaway(lastStreamId: number, code: number): void;
  /** An increment of 0 is the peer's mistake (RFC 9113 §6.9): of the stream, or of the connection when that is 0. */
  onWindowUpdate(streamId: number, incrementBytes: number): void;
  /** A frame that moves no byte: an empty DATA that ends nothing, a PRIORITY, an unknown type. Told so that a flood can be noticed. */
  onIdleFrame(): void;
}

interface FrameHead {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** A header block that is not whole yet. */
interface OpenBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly pieces: Uint8Array[];
  bytes: number;
}

/** Longest header block before decoding. Huffman codes shrink it at most to 5/8, indexes much more: the list has its own limit. */
const blockBytes = wireLimits.h2HeaderListBytes;
/** Most frames of one header block; a block of the limit in full frames needs 16. Empty CONTINUATIONs would otherwise never end. */
const blockFrames = 64;

/** Frames whose stream must be 0, and those whose stream must not be (RFC 9113 §6). */
const onConnection = new Set<number>([frameTypes.settings, frameTypes.ping, frameTypes.goaway]);
const onStream = new Set<number>([
  frameTypes.data,
  frameTypes.headers,
  frameTypes.priority,
  frameTypes.reset,
  frameTypes.pushPromise,
  frameTypes.continuation,
]);
/** One setting: identifier and value. */
const settingBytes = 6;
/** A stream's dependency and weight. */
const priorityBytes = 5;
/** Payloads of one exact length. */
const exactBytes = new Map<number, number>([
  [frameTypes.priority, priorityBytes],
  [frameTypes.reset, 4],
  [frameTypes.ping, 8],
  [frameTypes.windowUpdate, 4],
]);

/** A stream that depends on itself (RFC 7540 §5.3.1); priorities are not used otherwise, so the connection pays for the mistake. */
function checkDependency(streamId: number, priority: Uint8Array): void {
  if ((readUint32(priority, 0) & maxStreamId) === streamId)
    throw new H2Error(h2Codes.protocolError, `stream ${streamId} depends on itself`);
}

/** Reads one direction of one connection, after the preface. A throw is the end of it. */
export class H2FrameDecoder {
  readonly #sink: FrameSink;
  /** Pieces of a frame's header or of a payload that is collected. */
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  #head: FrameHead | undefined;
  /** Of a DATA frame or one that is skipped: payload yet to come, without padding; then padding yet to come. */
  #leftBytes = 0;
  #paddingBytes = 0;
  #padLengthDue = false;
  #block: OpenBlock | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  receive(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const head = this.#head;
      if (!head) at = this.#takeHead(bytes, at);
      else if (this.#streams(head.type)) at = this.#takeStreamed(head, bytes, at);
      else at = this.#takePayload(head, bytes, at);
    }
  }

  /** DATA passes, unknown types are dropped; neither is collected. */
  #streams(type: number): boolean {
    return type === frameTypes.data || type > frameTypes.continuation;
  }

  /** The next `count` bytes, once they are all there; else keeps what there is. */
  #collect(bytes: Uint8Array, at: number, count: number): { readonly whole: Uint8Array | undefined; readonly next: number } {
    const next = Math.min(bytes.length, at + count - this.#partialBytes);
    const piece = bytes.subarray(at, next);
    if (this.#partialBytes + piece.length < count) {
      this.#partial.push(piece);
      this.#partialBytes += piece.length;
      return { whole: undefined, next };
    }
    if (this.#partialBytes === 0) return { whole: piece, next };
    const whole = concatBytes([...this.#partial, piece]);
    this.#partial = [];
    this.#partialBytes = 0;
    return { whole, next };
  }

  #takeHead(bytes: Uint8Array, at: number): number {
    const { whole, next } = this.#collect(bytes, at, frameHeaderBytes);
    if (!whole) return next;
    const length = ((whole[0] ?? 0) << 16) | ((whole[1] ?? 0) << 8) | (whole[2] ?? 0);
    const head = { length, type: whole[3] ?? 0, flags: whole[4] ?? 0, streamId: readUint32(whole, 5) & maxStreamId };
    this.#check(head);
    this.#head = head;
    if (this.#streams(head.type)) this.#beginStreamed(head);
    else if (length === 0) this.#finish(head, emptyBytes);
    return next;
  }

  /** Everything that a frame's header alone can get wrong (RFC 9113 §4.2, §6). */
  #check({ length, type, streamId }: FrameHead): void {
    if (length > defaultFrameBytes) throw new H2Error(h2Codes.frameSizeError, `a frame of ${length} bytes`);
    const block = this.#block;
    if ((type === frameTypes.continuation) !== (block !== undefined) || (block && block.streamId !== streamId)) {
      throw new H2Error(h2Codes.protocolError, "a header block that is interrupted or continued without a beginning");
    }
    if (onStream.has(type) ? streamId === 0 : onConnection.has(type) && streamId !== 0) {
      throw new H2Error(h2Codes.protocolError, `a frame of type ${type} on stream ${streamId}`);
    }
    if ((exactBytes.get(type) ?? length) !== length)
      throw new H2Error(h2Codes.frameSizeError, `a frame of type ${type} with ${length} bytes`);
    if (type === frameTypes.settings && length > settingBytes * wireLimits.h2SettingsPerFrame)
      throw new H2Error(h2Codes.enhanceYourCalm, `more than ${wireLimits.h2SettingsPerFrame} settings at once`);
    if (type === frameTypes.pushPromise) throw new H2Error(h2Codes.protocolError, "a push that the settings do not allow");
  }

  #beginStreamed({ length, type, flags }: FrameHead): void {
    this.#leftBytes = length;
    this.#paddingBytes = 0;
    this.#padLengthDue = type === frameTypes.data && (flags & frameFlags.padded) !== 0;
    if (this.#padLengthDue && length === 0) throw new H2Error(h2Codes.frameSizeError, "a padded frame without a pad length");
    if (length === 0) this.#deliver(emptyBytes, 0);
  }

  #takeStreamed(head: FrameHead, bytes: Uint8Array, at: number): number {
    if (this.#padLengthDue) return this.#takePadLength(bytes[at] ?? 0, at);
    if (this.#leftBytes > 0) {
      const next = Math.min(bytes.length, at + this.#leftBytes);
      this.#leftBytes -= next - at;
      if (head.type === frameTypes.data) this.#deliver(bytes.subarray(at, next), 0);
      else if (this.#leftBytes === 0) this.#deliver(emptyBytes, 0);
      return next;
    }
    const next = Math.min(bytes.length, at + this.#paddingBytes);
    this.#paddingBytes -= next - at;
    this.#deliver(emptyBytes, next - at);
    return next;
  }

  #takePadLength(padBytes: number, at: number): number {
    this.#padLengthDue = false;
    this.#leftBytes -= 1 + padBytes;
    this.#paddingBytes = padBytes;
    if (this.#leftBytes < 0) throw new H2Error(h2Codes.protocolError, "more padding than frame");
    this.#deliver(emptyBytes, 1);
    return at + 1;
  }

  /** Passes a piece on; the frame is over when nothing is left of it. */
  #deliver(bytes: Uint8Array, paddingBytes: number): void {
    const head = this.#head;
    if (!head) return;
    const last = this.#leftBytes === 0 && this.#paddingBytes === 0;
    if (last) this.#head = undefined;
    const endStream = last && (head.flags & frameFlags.endStream) !== 0;
    if (head.type !== frameTypes.data || (head.length === 0 && !endStream)) this.#sink.onIdleFrame();
    if (head.type === frameTypes.data) this.#sink.onDataPiece(head.streamId, bytes, paddingBytes, endStream);
  }

  #takePayload(head: FrameHead, bytes: Uint8Array, at: number): number {
    const { whole, next } = this.#collect(bytes, at, head.length);
    if (whole) this.#finish(head, whole);
    return next;
  }

  #finish(head: FrameHead, payload: Uint8Array): void {
    this.#head = undefined;
    switch (head.type) {
      case frameTypes.headers:
        this.#beginBlock(head, payload);
        break;
      case frameTypes.continuation:
        this.#continueBlock(head, payload);
        break;
      case frameTypes.reset:
        this.#sink.onReset(head.streamId, readUint32(payload, 0));
        break;
      case frameTypes.settings:
        this.#finishSettings(head, payload);
        break;
      case frameTypes.ping:
        this.#sink.onPing(payload, (head.flags & frameFlags.ack) !== 0);
        break;
      case frameTypes.goaway:
        if (payload.length < 8) throw new H2Error(h2Codes.frameSizeError, `a GOAWAY of ${payload.length} bytes`);
        this.#sink.onGoaway(readUint32(payload, 0) & maxStreamId, readUint32(payload, 4));
        break;
      case frameTypes.windowUpdate:
        this.#sink.onWindowUpdate(head.streamId, readUint32(payload, 0) & maxStreamId);
        break;
      default:
        checkDependency(head.streamId, payload);
        this.#sink.onIdleFrame();
    }
  }

  /** HEADERS, without padding and priority (RFC 9113 §6.2). */
  #beginBlock({ flags, streamId }: FrameHead, payload: Uint8Array): void {
    const padded = (flags & frameFlags.padded) !== 0;
    const hasPriority = (flags & frameFlags.priority) !== 0;
    const start = (padded ? 1 : 0) + (hasPriority ? priorityBytes : 0);
    const end = payload.length - (padded ? (payload[0] ?? 0) : 0);
    if (start > end) throw new H2Error(h2Codes.protocolError, "more padding than frame");
    if (hasPriority) checkDependency(streamId, payload.subarray(start - priorityBytes));
    const endStream = (flags & frameFlags.endStream) !== 0;
    const piece = payload.subarray(start, end);
    if ((flags & frameFlags.endHeaders) !== 0) this.#sink.onHeaderBlock(streamId, piece, endStream);
    else this.#block = { streamId, endStream, pieces: [piece], bytes: piece.length };
  }

  #continueBlock({ flags }: FrameHead, payload: Uint8Array): void {
    const block = this.#block;
    if (!block) return;
    block.pieces.push(payload);
    block.bytes += payload.length;
    if (block.bytes > blockBytes || block.pieces.length > blockFrames) {
      throw new H2Error(h2Codes.enhanceYourCalm, `a header block of more than ${blockBytes} bytes or ${blockFrames} frames`);
    }
    if ((flags & frameFlags.endHeaders) === 0) return;
    this.#block = undefined;
    this.#sink.onHeaderBlock(block.streamId, concatBytes(block.pieces), block.endStream);
  }

  #finishSettings({ flags, length }: FrameHead, payload: Uint8Array): void {
    const ack = (flags & frameFlags.ack) !== 0;
    if (ack ? length !== 0 : length % settingBytes !== 0) throw new H2Error(h2Codes.frameSizeError, `SETTINGS of ${length} bytes`);
    const settings: Setting[] = [];
    for (let at = 0; at < length; at += settingBytes)
      settings.push([((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0), readUint32(payload, at + 2)]);
    if (ack) this.#sink.onSettingsAck();
    else this.#sink.onSettings(settings);
  }
}
