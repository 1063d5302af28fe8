/** A session with a relay over one Conn, for both ends: streams with credit, datagrams, signs of life. */

import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { RelayDecoder } from "#wire/relay-decoder.ts";
import {
  encodeRelayFrame,
  maxRelayDataBytes,
  maxRelayPayloadBytes,
  maxRelayStream,
  type RelayAddress,
  type RelayFrame,
  relayHeaderBytes,
  relayVersion,
  writeRelayHeader,
} from "#wire/relay-frame.ts";
import { WindowBudget } from "./credit-window.ts";
import { DataJoiner } from "./data-joiner.ts";
import { muxLimits } from "./limits.ts";
import { Outbox } from "./outbox.ts";
import type { LateFrame, RelayChannel, RelayChannelOwner } from "./relay-channel.ts";
import { RelayFlow } from "./relay-flow.ts";
import { RelayStream } from "./relay-stream.ts";

/** Hears a session. No method may throw. */
export interface RelaySessionHandler {
  /** The peer's first frame. `version` is ours: another one ends the session. */
  onHello(id: string): void;
  /** The peer asks for a stream: a client for one to an address, a relay for one to what the client serves at a port. */
  onOpen(channel: RelayStream | RelayFlow, to: RelayAddress): void;
  /** Anything at all came. */
  onHeard(): void;
  onPong(id: number): void;
  onGoAway(): void;
  /** Once, and last; every stream has been told. */
  onClose(error: KtError): void;
}

export interface RelaySessionOptions {
  readonly conn: Conn;
  readonly role: "client" | "relay";
  /** Whose session it is, for the peer. */
  readonly id: string;
  readonly handler: RelaySessionHandler;
  /** When what was sent leaves at the latest; default: in a microtask. */
  readonly later?: FlushLater;
}

/**
 * When what was sent leaves at the latest. What leaves together is one write, which spares every hop a message. `turn`: at the end of the
 * turn of the event loop, which reads all sockets that have something; microtasks run after each of them. The others open and end streams.
 */
export type FlushMoment = "turn" | LateFrame["type"] | "last-end";

/** Calls `flush` at that moment. */
export type FlushLater = (moment: FlushMoment, flush: () => void) => void;

const inMicrotask: FlushLater = (_, flush) => queueMicrotask(flush);

/** Both ends are kt, of versions that do not understand each other. */
export class RelayVersionError extends KtError {
  constructor(version: number) {
    super("relay-failed", `the relay uses version ${version} of its protocol, and this kt uses version ${relayVersion}`, {
      hints: ["name the image of this version of kt in [relay]"],
    });
  }
}

const notARelay = "what answers is not a relay of kt";

/** Owns its Conn, which it always reads: credit bounds what a stream may send, so that one which stalls stops only itself. */
export class RelaySession implements RelayChannelOwner {
  readonly budget = new WindowBudget();
  readonly #conn: Conn;
  readonly #role: RelaySessionOptions["role"];
  readonly #handler: RelaySessionHandler;
  readonly #later: FlushLater;
  /** Moments that are waited for. */
  readonly #due = new Set<FlushMoment>();
  readonly #decoder: RelayDecoder;
  readonly #channels = new Map<number, RelayChannel>();
  /** Those that have something to send, in the order of their turns. */
  readonly #waiting = new Set<RelayChannel>();
  readonly #out = new Outbox(muxLimits.relayByReferenceBytes);
  readonly #joiner: DataJoiner;
  #outBytes = 0;
  #blocked = false;
  /** `leaving`: no more streams, those that are open go on. */
  #state: "open" | "leaving" | "closed" = "open";
  #greeted = false;
  #nextStream: number;
  #lastPeerStream = 0;
  #nextPing = 0;
  #carriedBytes = 0;

  constructor({ conn, role, id, handler, later = inMicrotask }: RelaySessionOptions) {
    this.#conn = conn;
    this.#role = role;
    this.#handler = handler;
    this.#later = later;
    this.#nextStream = role === "client" ? 1 : 2;
    this.#decoder = new RelayDecoder({
      onData: (stream, bytes) => this.#joiner.add(stream, bytes),
      onFrame: (frame) => {
        this.#joiner.deliver();
        this.#onFrame(frame);
      },
    });
    this.#joiner = new DataJoiner((stream, bytes) => this.#onData(stream, bytes));
    this.send({ type: "hello", version: relayVersion, id });
    conn.start({
      onData: (bytes) => this.#received(bytes),
      onEnd: () => this.#fail(new KtError("connection-lost", "the relay closed the session")),
      onDrain: () => this.#drained(),
      onClose: (error) => this.#fail(error ?? new KtError("connection-lost", "the relay's session was closed")),
    });
    // A peer of another version must read who this is before the session ends.
    this.#flush();
  }

  get isBlocked(): boolean {
    return this.#blocked;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Whether streams may be opened: also before the peer's hello came. */
  get canOpen(): boolean {
    return this.#state === "open" && this.#nextStream <= maxRelayStream && this.#channels.size < muxLimits.relayStreams;
  }

  get openStreams(): number {
    return this.#channels.size;
  }

  /** Bytes of streams that it has carried, both ways, for choosing among several. */
  get carriedBytes(): number {
    return this.#carriedBytes;
  }

  /** Opens a connection to an address; data may follow at once. Only where `canOpen`. */
  openStream(host: string, port: number): RelayStream {
    const stream = new RelayStream(this.#takeId(), this);
    return this.#begin(stream, { transport: "tcp", host, port });
  }

  /** Opens a flow of datagrams to an address. Only where `canOpen`. */
  openFlow(host: string, port: number): RelayFlow {
    const flow = new RelayFlow(this.#takeId(), this);
    return this.#begin(flow, { transport: "udp", host, port });
  }

  /** Asks for a sign of life; returns what `onPong` will be given. */
  ping(): number {
    this.#nextPing = (this.#nextPing + 1) >>> 0;
    this.send({ type: "ping", id: this.#nextPing });
    return this.#nextPing;
  }

  /** Says goodbye, and closes once that has left. */
  leave(): void {
    if (this.#state === "closed") return;
    this.send({ type: "go-away" });
    this.#flush();
    this.#loseAll(new KtError("connection-lost", "the session with the relay was closed"));
    this.#state = "closed";
    this.#conn.end();
  }

  /** Tells the peer that no more streams are taken; those that are open go on. */
  goAway(): void {
    if (this.#state !== "open") return;
    this.send({ type: "go-away" });
    this.retire();
  }

  /** No more streams; those that are open go on. */
  retire(): void {
    if (this.#state !== "closed") this.#state = "leaving";
  }

  /** Ends everything; reported by `onClose`. */
  close(error: KtError): void {
    this.#fail(error);
  }

  /** Those of these streams from which nothing came back. */
  failUnopened(streams: { has(stream: RelayStream): boolean }, error: KtError): void {
    for (const channel of [...this.#channels.values()])
      if (channel instanceof RelayStream && !channel.isOpened && streams.has(channel)) channel.lost(error);
  }

  sendData(stream: number, bytes: Uint8Array): void {
    this.#carriedBytes += bytes.length;
    for (let at = 0; at < bytes.length; at += maxRelayDataBytes) {
      const part = bytes.length <= maxRelayDataBytes ? bytes : bytes.subarray(at, at + maxRelayDataBytes);
      this.#putWhole("data", stream, part);
    }
    if (this.#outBytes >= muxLimits.flushBytes && !this.#blocked) this.#flush();
  }

  send(frame: RelayFrame): void {
    this.#put(encodeRelayFrame(frame));
    if (this.#blocked && this.#outBytes > muxLimits.unreadFramesBytes)
      this.#fail(new KtError("protocol", "the peer of the relay's session reads nothing"));
  }

  sendLater(frame: LateFrame, moment: FlushMoment = frame.type): void {
    this.#keep(encodeRelayFrame(frame));
    this.#flushAt(moment);
  }

  sendDatagram(stream: number, bytes: Uint8Array): boolean {
    if (bytes.length >= maxRelayPayloadBytes || this.#outBytes + bytes.length > muxLimits.waitingDatagramBytes) return false;
    this.#carriedBytes += bytes.length;
    this.#putWhole("datagram", stream, bytes);
    return true;
  }

  wait(channel: RelayChannel): void {
    this.#waiting.add(channel);
    if (!this.#blocked) this.#flushAt("turn");
  }

  forget(channel: RelayChannel): void {
    this.#channels.delete(channel.id);
    this.#waiting.delete(channel);
  }

  #takeId(): number {
    if (!this.canOpen) throw new KtError("connection-lost", "the session with the relay takes no more streams");
    this.#nextStream += 2;
    return this.#nextStream - 2;
  }

  #begin<Channel extends RelayChannel>(channel: Channel, to: RelayAddress): Channel {
    this.#channels.set(channel.id, channel);
    this.sendLater({ type: "open", stream: channel.id, to });
    return channel;
  }

  #putWhole(type: "data" | "datagram", stream: number, bytes: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#outBytes += relayHeaderBytes;
    this.#out.reserve(relayHeaderBytes, (block, at) => writeRelayHeader(block, at, { type, stream, lengthBytes: bytes.length }));
    this.#put(bytes);
  }

  #put(bytes: Uint8Array): void {
    this.#keep(bytes);
    if (!this.#blocked && this.#state !== "closed") this.#flushAt("turn");
  }

  #keep(bytes: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
  }

  #flushAt(moment: FlushMoment): void {
    if (this.#due.has(moment)) return;
    this.#due.add(moment);
    this.#later(moment, () => {
      this.#due.delete(moment);
      if (!this.#blocked && this.#state !== "closed") this.#flush();
    });
  }

  #flush(): void {
    do {
      if (!this.#write()) return;
    } while (this.#takeTurns());
  }

  /** Returns whether the connection takes more. */
  #write(): boolean {
    if (this.#state === "closed") return !this.#blocked;
    this.#outBytes = 0;
    for (const bytes of this.#out.take()) this.#blocked = !this.#conn.write(bytes);
    return !this.#blocked;
  }

  /** Lets those that wait send, one after the other, until there is enough for a write. Returns whether there is something to write. */
  #takeTurns(): boolean {
    for (const channel of this.#waiting) {
      if (this.#outBytes >= muxLimits.flushBytes) break;
      this.#waiting.delete(channel);
      if (channel.takeTurn(this.#waiting.size > 0 ? muxLimits.turnBytes : muxLimits.flushBytes)) this.#waiting.add(channel);
      if (this.#blocked) break;
    }
    return !this.#out.isEmpty && !this.#blocked;
  }

  #drained(): void {
    if (!this.#blocked || this.#state === "closed") return;
    this.#blocked = false;
    this.#flush();
  }

  #received(bytes: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#handler.onHeard();
    this.#joiner.begin(bytes);
    try {
      this.#decoder.decode(bytes);
      this.#joiner.finish();
    } catch (error) {
      this.#fail(toKtError(error, "protocol", "read from the relay's session"));
    }
  }

  #onData(stream: number, bytes: Uint8Array): void {
    this.#assertGreeted();
    this.#carriedBytes += bytes.length;
    // A stream that is not known was given up by this side, and its end is on its way.
    this.#channels.get(stream)?.received(bytes);
  }

  #onFrame(frame: RelayFrame): void {
    if (frame.type !== "hello") this.#assertGreeted();
    switch (frame.type) {
      case "hello":
        this.#onHello(frame.version, frame.id);
        break;
      case "open":
        this.#onOpen(frame.stream, frame.to);
        break;
      case "ping":
        this.send({ type: "pong", id: frame.id });
        break;
      case "pong":
        this.#handler.onPong(frame.id);
        break;
      case "go-away":
        this.retire();
        this.#handler.onGoAway();
        break;
      default:
        this.#onStreamFrame(frame);
    }
  }

  #onStreamFrame(frame: Extract<RelayFrame, { readonly stream: number }>): void {
    const channel = this.#channels.get(frame.stream);
    if (!channel) return;
    if (frame.type === "opened") channel.opened();
    else if (frame.type === "end") channel.peerEnded();
    else if (frame.type === "credit") channel.credited(frame.bytes);
    else if (frame.type === "reset") channel.peerReset(frame.reason, frame.text);
    else if (frame.type === "unreachable") channel.unreachable(frame.reason, frame.text);
    else if (frame.type === "datagram") {
      this.#carriedBytes += frame.bytes.length;
      channel.datagram(frame.bytes);
    }
  }

  #onHello(version: number, id: string): void {
    if (this.#greeted) throw new KtError("protocol", "the relay's session has two beginnings");
    if (version !== relayVersion) throw new RelayVersionError(version);
    this.#greeted = true;
    this.#handler.onHello(id);
  }

  #onOpen(id: number, to: RelayAddress): void {
    const isPeers = id % 2 === (this.#role === "client" ? 0 : 1);
    if (!isPeers || id <= this.#lastPeerStream)
      throw new KtError("protocol", `the relay's session opens the stream ${id}, which is not the next`);
    this.#lastPeerStream = id;
    const channel = to.transport === "tcp" ? new RelayStream(id, this) : new RelayFlow(id, this);
    if (this.#state === "leaving" || this.#channels.size >= muxLimits.relayStreams) {
      this.send({ type: "reset", stream: id, reason: "overloaded", text: "the relay takes no more connections" });
      return;
    }
    this.#channels.set(id, channel);
    this.#handler.onOpen(channel, to);
  }

  #assertGreeted(): void {
    if (!this.#greeted) throw new KtError("protocol", notARelay);
  }

  #loseAll(error: KtError): void {
    for (const channel of [...this.#channels.values()]) channel.lost(error);
  }

  #fail(error: KtError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#out.take();
    this.#waiting.clear();
    // The peer must still read our hello, to say which versions they are.
    if (error instanceof RelayVersionError) this.#conn.end();
    else this.#conn.abort();
    this.#loseAll(error);
    this.#handler.onClose(error);
  }
}
