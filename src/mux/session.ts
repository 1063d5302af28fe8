/** A SPDY session without sockets: receive(bytes) → events, take() → bytes; opens, numbers and retires streams. */

import { emptyBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { muxLimits } from "./limits.ts";
import { SpdyDecoder } from "#wire/spdy-decoder.ts";
import {
  encodeControlFrame,
  frameHeaderBytes,
  maxStreamId,
  resetStatus,
  type SpdyControlFrame,
  writeDataHeader,
} from "#wire/spdy-frame.ts";
import { SpdyHeaderDecoder, SpdyHeaderEncoder, type SpdyHeaders } from "#wire/spdy-headers.ts";
import type { SessionEvent } from "./events.ts";
import { Outbox } from "./outbox.ts";
import { MuxStream } from "./stream.ts";

/** The largest id of a ping: all ones is left to pings that are sent before there is a session. */
const lastPingId = 0x7f_ff_ff_fe;

/** Ids begin again when they run out, and keep their parity. */
export const nextPingId = (id: number): number => (id + 2 > lastPingId ? id % 2 || 2 : id + 2);

const noHeaders: SpdyHeaders = new Map();

export interface SessionOptions {
  readonly role: "client" | "server";
}

/** Of streams and of pings: a client's are odd, a server's even (SPDY/3.1 §2.3.2, §2.6.5). */
const firstId = (role: "client" | "server"): number => (role === "client" ? 1 : 2);

type Emit = (event: SessionEvent) => void;
type FrameOf<T extends SpdyControlFrame["type"]> = Extract<SpdyControlFrame, { type: T }>;

/**
 * There are no windows: spdystream sends no WINDOW_UPDATE and ignores ours, so back-pressure comes from the connection.
 * Calls that name a stream which is over do nothing: a reset from the peer may always cross them.
 */
export class SpdySession {
  readonly #role: "client" | "server";
  readonly #decoder: SpdyDecoder;
  readonly #headerEncoder = new SpdyHeaderEncoder();
  readonly #headerDecoder = new SpdyHeaderDecoder();
  readonly #streams = new Map<number, MuxStream>();
  readonly #outbox = new Outbox();
  #nextStream: number;
  #nextPing: number;
  #lastPeerStream = 0;
  /** One side has sent GOAWAY: no new streams, the present ones continue. */
  #goingAway = false;
  #emit: Emit = () => {};

  constructor(options: SessionOptions) {
    this.#role = options.role;
    this.#nextStream = firstId(options.role);
    this.#nextPing = firstId(options.role);
    this.#decoder = new SpdyDecoder({
      onData: (stream, bytes, fin) => this.#onData(stream, bytes, fin),
      onControl: (frame) => this.#onControl(frame),
    });
  }

  /** Streams that are not over both ways. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Whether `open` may be called: neither side has sent GOAWAY and there are stream ids left. */
  get canOpen(): boolean {
    return !this.#goingAway && this.#nextStream <= maxStreamId;
  }

  /** Whether `take` would return anything. */
  get hasOutput(): boolean {
    return !this.#outbox.isEmpty;
  }

  /**
   * Takes the next bytes from the peer, which the caller must not change afterwards: events hold views on them. `emit` may call
   * every other method. Throws KtError `protocol`; the session cannot be used after that.
   */
  receive(bytes: Uint8Array, emit: Emit): void {
    this.#emit = emit;
    this.#decoder.decode(bytes);
  }

  /** The chunks to send now, in order; empties the queue. */
  take(): Uint8Array[] {
    return this.#outbox.take();
  }

  /** Opens a stream and returns its id; data may follow at once, before the reply. `fin` says that none will. */
  open(headers: SpdyHeaders, options: { readonly fin?: boolean } = {}): number {
    if (!this.canOpen) throw new KtError("connection-lost", "the session takes no more streams");
    const stream = new MuxStream(this.#nextStream);
    const fin = options.fin ?? false;
    if (fin) stream.endLocal();
    this.#nextStream += 2;
    this.#streams.set(stream.id, stream);
    const headerBlock = this.#headerEncoder.encode(headers);
    this.#send({ type: "syn-stream", stream: stream.id, associatedTo: 0, priority: 0, fin, unidirectional: false, headerBlock });
    return stream.id;
  }

  /** Accepts a stream that the peer opened. */
  reply(stream: number): void {
    if (!this.#streams.has(stream)) return;
    this.#send({ type: "syn-reply", stream, fin: false, headerBlock: this.#headerEncoder.encode(noHeaders) });
  }

  /** Sends bytes, which the caller must not change afterwards. */
  write(stream: number, bytes: Uint8Array): void {
    if (!this.#streams.get(stream)?.maySend) return;
    let rest = bytes;
    for (; rest.length > muxLimits.dataFrameBytes; rest = rest.subarray(muxLimits.dataFrameBytes)) {
      this.#sendData(stream, rest.subarray(0, muxLimits.dataFrameBytes), false);
    }
    if (rest.length > 0) this.#sendData(stream, rest, false);
  }

  /** Ends our half. */
  end(stream: number): void {
    const known = this.#streams.get(stream);
    if (!known?.maySend) return;
    this.#sendData(stream, emptyBytes, true);
    known.endLocal();
    this.#retire(known);
  }

  /** Ends both halves of a stream at once; `status` is one of `resetStatus`. */
  reset(stream: number, status: number): void {
    if (this.#streams.delete(stream)) this.#send({ type: "rst-stream", stream, status });
  }

  /** Sends a ping and returns its id. */
  ping(): number {
    const id = this.#nextPing;
    this.#nextPing = nextPingId(id);
    this.#send({ type: "ping", id });
    return id;
  }

  /** Tells the peer to open no more streams. spdystream then closes the connection once its streams are over. */
  goAway(): void {
    this.#goingAway = true;
    this.#send({ type: "go-away", lastGoodStream: this.#lastPeerStream, status: 0 });
  }

  #onData(stream: number, bytes: Uint8Array, fin: boolean): void {
    const known = this.#streams.get(stream);
    if (!known?.mayReceive) return;
    if (fin) this.#endRemote(known, bytes);
    else if (bytes.length > 0) this.#emit({ type: "data", stream, bytes, fin: false });
  }

  #onControl(frame: SpdyControlFrame): void {
    switch (frame.type) {
      case "syn-stream":
        this.#onSynStream(frame);
        break;
      case "syn-reply":
      case "headers":
        this.#onHeaders(frame);
        break;
      case "rst-stream":
        this.#onReset(frame);
        break;
      case "ping":
        this.#onPing(frame);
        break;
      case "go-away":
        this.#onGoAway(frame);
        break;
      default: // SETTINGS, WINDOW_UPDATE and what we do not know ask nothing of us
    }
  }

  #onSynStream(frame: FrameOf<"syn-stream">): void {
    const refusal = this.#refusal(frame.stream);
    // A client never looks into header blocks, so it need not keep the zlib stream; a server must read each of them.
    const headers = this.#role === "server" ? this.#headerDecoder.decode(frame.headerBlock) : noHeaders;
    if (refusal === undefined) this.#accept(frame, headers);
    else this.#send({ type: "rst-stream", stream: frame.stream, status: refusal });
  }

  #accept(frame: FrameOf<"syn-stream">, headers: SpdyHeaders): void {
    const stream = new MuxStream(frame.stream);
    this.#lastPeerStream = frame.stream;
    this.#streams.set(stream.id, stream);
    if (frame.unidirectional) stream.endLocal();
    this.#emit({ type: "opened", stream: stream.id, headers });
    if (frame.fin) this.#onData(stream.id, emptyBytes, true);
  }

  /** Why a new stream of the peer is turned away, if it is. */
  #refusal(stream: number): number | undefined {
    const fromPeer = stream % 2 !== this.#nextStream % 2;
    if (!fromPeer || stream <= this.#lastPeerStream) return resetStatus.protocolError;
    if (this.#role === "client" || this.#goingAway || this.#streams.size >= muxLimits.streamsPerSession) return resetStatus.refusedStream;
    return undefined;
  }

  #onHeaders(frame: FrameOf<"syn-reply" | "headers">): void {
    if (this.#role === "server") this.#headerDecoder.decode(frame.headerBlock);
    if (!this.#streams.has(frame.stream)) return;
    if (frame.type === "syn-reply") this.#emit({ type: "replied", stream: frame.stream });
    if (frame.fin) this.#onData(frame.stream, emptyBytes, true);
  }

  #onReset(frame: FrameOf<"rst-stream">): void {
    if (!this.#streams.delete(frame.stream)) return;
    this.#emit({ type: "reset", stream: frame.stream, status: frame.status });
  }

  #onPing(frame: FrameOf<"ping">): void {
    const isOurs = frame.id % 2 === firstId(this.#role) % 2;
    if (!isOurs) this.#send({ type: "ping", id: frame.id });
    this.#emit({ type: isOurs ? "pong" : "pinged", id: frame.id });
  }

  #onGoAway(frame: FrameOf<"go-away">): void {
    this.#goingAway = true;
    this.#emit({ type: "going-away", lastGoodStream: frame.lastGoodStream });
  }

  #endRemote(stream: MuxStream, bytes: Uint8Array): void {
    stream.endRemote();
    this.#retire(stream);
    this.#emit({ type: "data", stream: stream.id, bytes, fin: true });
  }

  #retire(stream: MuxStream): void {
    if (stream.closed) this.#streams.delete(stream.id);
  }

  #sendData(stream: number, bytes: Uint8Array, fin: boolean): void {
    this.#outbox.reserve(frameHeaderBytes, (block, at) => writeDataHeader(block, at, stream, bytes.length, fin));
    this.#outbox.push(bytes);
  }

  #send(frame: Exclude<SpdyControlFrame, { type: "unknown" }>): void {
    this.#outbox.push(encodeControlFrame(frame));
  }
}
