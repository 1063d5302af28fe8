/** One HTTP/2 connection, as a server or as a client: settings, streams, the connection's window, GOAWAY. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { httpLimits } from "#http/limits.ts";
import { wireLimits } from "#wire/limits.ts";
import {
  defaultFrameBytes,
  defaultWindowBytes,
  encodeFrameHeader,
  encodeGoaway,
  encodeHeadersFrames,
  encodePing,
  encodeReset,
  encodeSettings,
  encodeWindowUpdate,
  frameFlags,
  frameTypes,
  H2Error,
  h2Codes,
  h2Settings,
  maxFrameBytes,
  maxStreamId,
  maxWindowBytes,
  type Setting,
  settingsAck,
} from "#wire/h2-frame.ts";
import { encodeHeaderBlock, HpackDecoder } from "#wire/hpack.ts";
import type { Header } from "#wire/http-head.ts";
import { H2Budget } from "./budget.ts";
import { H2Stream, type H2StreamHandler, type StreamHost } from "./stream.ts";
import { LateStreams } from "./late-streams.ts";
import { type H2Role, H2Transport, type TransportHandler } from "./transport.ts";

/** What the holder of a session hears. */
export interface H2SessionHandler {
  /** A client opened a stream: the callee sets its handler or ends it. `tooLarge`: the list is cut off. Only on a server's session. */
  onStream(stream: H2Stream, headers: readonly Header[], tooLarge: boolean): void;
  /** The peer's first settings have arrived. */
  onConfigured(): void;
  /** The last open stream is gone. */
  onIdle(): void;
  /** The connection is over, after each of its streams has been notified. */
  onClose(error: KtError | undefined): void;
}

const ownSettings: Readonly<Record<H2Role, readonly Setting[]>> = {
  server: [
    [h2Settings.maxConcurrentStreams, httpLimits.h2Streams],
    [h2Settings.initialWindowSize, httpLimits.h2StreamWindowBytes],
    [h2Settings.maxHeaderListSize, wireLimits.h2HeaderListBytes],
    [h2Settings.enableConnectProtocol, 1],
  ],
  client: [
    [h2Settings.enablePush, 0],
    [h2Settings.initialWindowSize, httpLimits.h2StreamWindowBytes],
    [h2Settings.maxHeaderListSize, wireLimits.h2HeaderListBytes],
  ],
};

/** Streams that a server gets before its settings say how many it allows; it would refuse those past its limit. */
const assumedStreams = 10;
/** The connection's window is topped up once this much of it is used. */
const topUpBytes = httpLimits.h2ConnectionWindowBytes / 4;

export class H2Session implements TransportHandler, StreamHost {
  readonly #role: H2Role;
  readonly #handler: H2SessionHandler;
  readonly #transport: H2Transport;
  readonly #hpack = new HpackDecoder();
  readonly #budget: H2Budget;
  readonly #streams = new Map<number, H2Stream>();
  /** Streams that have something to send, longest waiting first. */
  readonly #ready = new Set<H2Stream>();
  /** A table size update is due in the next header block (see encodeHeaderBlock). */
  #forgetTable = true;
  #peerWindowBytes = defaultWindowBytes;
  #peerStreams = assumedStreams;
  /** Whether the peer's settings have come; what they leave out has its default then. */
  #configured = false;
  /** ENABLE_CONNECT_PROTOCOL as the peer set it last. */
  #connectProtocol = 0;
  #sendWindowBytes = defaultWindowBytes;
  /** Received on the connection since its window was topped up. */
  #receivedBytes = 0;
  #growthBytes: number = httpLimits.h2WindowGrowthBytes;
  #lastRemoteId = 0;
  readonly #late = new LateStreams();
  #nextLocalId = 1;
  /** No new stream after this: we or the peer said so. */
  #draining = false;

  constructor(role: H2Role, conn: Conn, clock: Clock, handler: H2SessionHandler) {
    this.#role = role;
    this.#handler = handler;
    this.#budget = new H2Budget(clock);
    this.#transport = new H2Transport(role, conn, clock, this);
    this.#transport.push(encodeSettings(ownSettings[role]));
    this.#transport.push(encodeWindowUpdate(0, httpLimits.h2ConnectionWindowBytes - defaultWindowBytes));
  }

  /** Begins to listen and to send. */
  start(): void {
    this.#transport.start();
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Whether `open` may be called. */
  get accepts(): boolean {
    return !this.#transport.closed && !this.#draining && this.#streams.size < this.#peerStreams && this.#nextLocalId < maxStreamId;
  }

  /** Whether more streams may be accepted once the peer's settings have come. */
  get promising(): boolean {
    return this.lasting && !this.#configured;
  }

  /** Whether the peer's settings have come. */
  get isConfigured(): boolean {
    return this.#configured;
  }

  /** Whether the peer takes the extended CONNECT of RFC 8441, which WebSockets need. */
  get offersConnect(): boolean {
    return this.#connectProtocol === 1;
  }

  /** Whether it may be called now or once a stream has ended. */
  get lasting(): boolean {
    return !this.#transport.closed && !this.#draining;
  }

  /** Opens a stream; only on a client's session that `accepts`. */
  open(headers: readonly Header[], endStream: boolean, handler: H2StreamHandler): H2Stream {
    const stream = new H2Stream(this.#nextLocalId, this, this.#peerWindowBytes, false);
    stream.setHandler(handler);
    this.#nextLocalId += 2;
    this.#streams.set(stream.id, stream);
    stream.sendHeaders(headers, endStream);
    return stream;
  }

  /** Says that no new stream is welcome; the connection ends with the last open one. */
  drain(): void {
    if (this.#transport.closed || this.#draining) return;
    this.#draining = true;
    this.#transport.push(encodeGoaway(this.#lastRemoteId, h2Codes.noError));
    this.#endWhenDrained();
  }

  /** Ends everything now. */
  abort(): void {
    this.#transport.abort();
  }

  // What streams ask for.

  wake(stream: H2Stream): void {
    this.#ready.add(stream);
    this.#transport.wake();
  }

  sendHeaders(stream: H2Stream, headers: readonly Header[], endStream: boolean): void {
    const block = encodeHeaderBlock(headers, this.#forgetTable);
    this.#forgetTable = false;
    this.#transport.push(encodeHeadersFrames(stream.id, block, endStream, defaultFrameBytes));
  }

  sendReset(stream: H2Stream, code: number): void {
    this.#transport.push(encodeReset(stream.id, code));
  }

  sendWindowUpdate(stream: H2Stream, incrementBytes: number): void {
    this.#transport.push(encodeWindowUpdate(stream.id, incrementBytes));
  }

  borrowWindow(bytes: number): boolean {
    if (bytes > this.#growthBytes) return false;
    this.#growthBytes -= bytes;
    return true;
  }

  noteViolation(): void {
    if (this.#role === "server") this.#budget.spend("frames that break a stream");
  }

  retire(stream: H2Stream): void {
    if (!stream.remoteDone) this.#late.expect(stream.id);
    this.#growthBytes += stream.borrowedBytes;
    this.#ready.delete(stream);
    this.#streams.delete(stream.id);
    if (this.#streams.size > 0 || this.#transport.closed) return;
    this.#endWhenDrained();
    this.#handler.onIdle();
  }

  // What the transport tells.

  /** One frame for each stream in turn, as long as the windows and the peer take them. */
  onPump(): void {
    for (const stream of this.#ready) {
      if (!this.#transport.writable) return;
      const data = stream.takeData(Math.min(defaultFrameBytes, this.#sendWindowBytes));
      // Behind the others, if it goes on.
      this.#ready.delete(stream);
      if (!data) continue;
      this.#sendWindowBytes -= data.bytes.length;
      if (!data.endStream) this.#ready.add(stream);
      const flags = data.endStream ? frameFlags.endStream : 0;
      this.#transport.push(encodeFrameHeader(data.bytes.length, frameTypes.data, flags, stream.id));
      this.#transport.push(data.bytes);
      stream.sentData(data);
    }
  }

  onFarEnd(): void {
    // A client that closed its half still reads the answers to what it asked in full; of a server nothing more can come.
    const error = new KtError("connection-lost", "the connection was closed by the peer");
    this.#draining = true;
    for (const stream of [...this.#streams.values()]) {
      if (this.#role === "client" || !stream.remoteEnded) stream.fail({ code: h2Codes.cancel, refused: false, error });
    }
    this.#endWhenDrained();
  }

  onClosed(error: KtError | undefined): void {
    const lost = error ?? new KtError("connection-lost", "the connection was closed");
    for (const stream of [...this.#streams.values()]) stream.fail({ code: h2Codes.cancel, refused: false, error: lost });
    this.#handler.onClose(error);
  }

  lastStreamId(): number {
    return this.#lastRemoteId;
  }

  onHeaderBlock(streamId: number, block: Uint8Array, endStream: boolean): void {
    const { headers, tooLarge } = this.#hpack.decode(block);
    if (tooLarge) this.#budget.spend("oversized header lists", httpLimits.h2OversizedListCost);
    const stream = this.#streams.get(streamId);
    if (stream && !tooLarge) stream.receiveHeaders(headers, endStream);
    else if (stream) stream.violate(h2Codes.cancel, this.#tooLarge());
    else if (this.#known(streamId)) this.#lateHeaders(streamId);
    else this.#accept(streamId, headers, endStream, tooLarge);
  }

  onDataPiece(streamId: number, bytes: Uint8Array, paddingBytes: number, endStream: boolean): void {
    this.#countReceived(bytes.length + paddingBytes);
    const stream = this.#existing(streamId);
    if (stream) stream.receiveData(bytes, paddingBytes, endStream);
    else if (this.#isOver(streamId)) this.#answerClosed(streamId);
  }

  onReset(streamId: number, code: number): void {
    if (this.#role === "server") this.#budget.spend("resets");
    this.#existing(streamId)?.receiveReset(code);
  }

  onSettings(settings: readonly Setting[]): void {
    this.#budget.spend("settings");
    const first = !this.#configured;
    if (first) this.#peerStreams = Number.POSITIVE_INFINITY;
    this.#configured = true;
    // Each once, the last value: a frame that repeats one would cost a walk over all streams for each.
    for (const [identifier, value] of new Map(settings)) this.#applySetting(identifier, value);
    this.#transport.push(settingsAck);
    if (first) this.#handler.onConfigured();
  }

  onSettingsAck(): void {
    this.#budget.spend("settings");
  }

  onPing(opaque: Uint8Array, ack: boolean): void {
    if (!ack) this.#transport.push(encodePing(opaque, true));
  }

  onGoaway(lastStreamId: number, code: number): void {
    // A client's GOAWAY is about streams that we would open.
    if (this.#role === "server") return;
    this.#draining = true;
    const error = new KtError("connection-lost", `the backend turned the request away (GOAWAY, code ${code})`);
    for (const stream of [...this.#streams.values()]) {
      if (stream.id > lastStreamId) stream.fail({ code: h2Codes.refusedStream, refused: true, error });
    }
    this.#endWhenDrained();
  }

  onWindowUpdate(streamId: number, incrementBytes: number): void {
    if (streamId !== 0) {
      this.#updateStreamWindow(streamId, incrementBytes);
      return;
    }
    if (incrementBytes === 0) throw new H2Error(h2Codes.protocolError, "a window update of 0");
    const wasOpen = this.#sendWindowBytes > 0;
    this.#sendWindowBytes += incrementBytes;
    if (this.#sendWindowBytes > maxWindowBytes) throw new H2Error(h2Codes.flowControlError, "a window of more than 2^31-1");
    if (wasOpen) return;
    for (const stream of this.#streams.values()) if (stream.hasWork) this.wake(stream);
  }

  onIdleFrame(): void {
    this.#budget.spend("empty frames");
  }

  #updateStreamWindow(streamId: number, incrementBytes: number): void {
    const stream = this.#existing(streamId);
    if (incrementBytes === 0) stream?.violate(h2Codes.protocolError, undefined);
    else if (stream && !stream.changeSendWindow(incrementBytes)) stream.violate(h2Codes.flowControlError, undefined);
  }

  /** HEADERS on a stream that is over: heard no more, or the end of a connection whose other end has lost count (RFC 9113 §5.1). */
  #lateHeaders(streamId: number): void {
    this.noteViolation();
    if (!this.#isOver(streamId)) return;
    const code = this.#late.wasSkipped(streamId) ? h2Codes.protocolError : h2Codes.streamClosed;
    throw new H2Error(code, `a header block on stream ${streamId}, which is over`);
  }

  /** DATA on a stream that its sender had ended. */
  #answerClosed(streamId: number): void {
    this.noteViolation();
    this.#transport.push(encodeReset(streamId, h2Codes.streamClosed));
  }

  /** Whether the peer knows that the stream is over, so that nothing of it can still be on its way. */
  #isOver(streamId: number): boolean {
    return this.#known(streamId) && !this.#late.has(streamId);
  }

  /** Whether that stream exists or has existed. */
  #known(streamId: number): boolean {
    return streamId % 2 === 1 && (this.#role === "server" ? streamId <= this.#lastRemoteId : streamId < this.#nextLocalId);
  }

  /** The stream; undefined when it is over, as frames on their way to it may come late (RFC 9113 §5.1). */
  #existing(streamId: number): H2Stream | undefined {
    const stream = this.#streams.get(streamId);
    const ignored = this.#draining && this.#role === "server";
    if (!stream && !ignored && !this.#known(streamId))
      throw new H2Error(h2Codes.protocolError, `a frame on stream ${streamId}, which was never opened`);
    return stream;
  }

  #accept(streamId: number, headers: readonly Header[], endStream: boolean, tooLarge: boolean): void {
    if (this.#role === "client" || streamId % 2 === 0) throw new H2Error(h2Codes.protocolError, `a new stream ${streamId}`);
    // After our GOAWAY the client knows that these were not heard.
    if (this.#draining) return;
    this.#late.skip(this.#lastRemoteId, streamId);
    this.#lastRemoteId = streamId;
    if (this.#streams.size >= httpLimits.h2Streams) {
      this.#budget.spend("streams at once");
      if (!endStream) this.#late.expect(streamId);
      this.#transport.push(encodeReset(streamId, h2Codes.refusedStream));
      return;
    }
    const stream = new H2Stream(streamId, this, this.#peerWindowBytes, endStream);
    this.#streams.set(streamId, stream);
    this.#handler.onStream(stream, headers, tooLarge);
  }

  #applySetting(identifier: number, value: number): void {
    switch (identifier) {
      case h2Settings.headerTableSize:
        this.#forgetTable = true;
        break;
      case h2Settings.enablePush:
        if (value > 1) throw new H2Error(h2Codes.protocolError, `an ENABLE_PUSH of ${value}`);
        break;
      case h2Settings.maxFrameSize:
        if (value < defaultFrameBytes || value > maxFrameBytes) throw new H2Error(h2Codes.protocolError, `a MAX_FRAME_SIZE of ${value}`);
        break;
      case h2Settings.maxConcurrentStreams:
        this.#peerStreams = value;
        break;
      case h2Settings.initialWindowSize:
        this.#changeWindows(value);
        break;
      case h2Settings.enableConnectProtocol:
        // RFC 8441 §3: what was offered stays so.
        if (value > 1 || value < this.#connectProtocol) throw new H2Error(h2Codes.protocolError, `an ENABLE_CONNECT_PROTOCOL of ${value}`);
        this.#connectProtocol = value;
        break;
    }
  }

  /** RFC 9113 §6.9.2: a new initial window changes those of open streams by the difference. */
  #changeWindows(bytes: number): void {
    if (bytes > maxWindowBytes) throw new H2Error(h2Codes.flowControlError, "a window of more than 2^31-1");
    const difference = bytes - this.#peerWindowBytes;
    this.#peerWindowBytes = bytes;
    for (const stream of this.#streams.values()) {
      if (!stream.changeSendWindow(difference)) throw new H2Error(h2Codes.flowControlError, "a window of more than 2^31-1");
    }
  }

  /** The connection's window is given back on receipt: what a stalled reader may hold is bounded by the streams' windows. */
  #countReceived(bytes: number): void {
    this.#receivedBytes += bytes;
    if (this.#receivedBytes > httpLimits.h2ConnectionWindowBytes)
      throw new H2Error(h2Codes.flowControlError, "more than the connection's window");
    if (this.#receivedBytes < topUpBytes) return;
    this.#transport.push(encodeWindowUpdate(0, this.#receivedBytes));
    this.#receivedBytes = 0;
  }

  #tooLarge(): KtError {
    return new KtError(
      this.#role === "client" ? "backend-invalid" : "request-too-large",
      `a header list is longer than ${wireLimits.h2HeaderListBytes} bytes or ${wireLimits.h2HeaderFields} fields`,
    );
  }

  #endWhenDrained(): void {
    if (this.#draining && this.#streams.size === 0) this.#transport.end();
  }
}
