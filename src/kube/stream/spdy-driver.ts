/** Drives a session of SPDY streams over an upgraded Conn: what leaves when, whether the peer is alive, and what it reports. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { DataJoiner } from "#mux/data-joiner.ts";
import type { SessionEvent } from "#mux/events.ts";
import { Liveness } from "#mux/liveness.ts";
import { SpdySession } from "#mux/session.ts";
import { SpdystreamPeer } from "#mux/spdystream.ts";
import { resetStatus } from "#wire/spdy-frame.ts";
import type { SpdyHeaders } from "#wire/spdy-headers.ts";
import { FlushSchedule, type Moment } from "./flush-schedule.ts";
import { noPong, serverClosed } from "./session-errors.ts";

/** Hears what happens in a session. No method may throw. After `close` none is called. */
export interface SpdyHandler {
  /** The peer accepted a stream. */
  onReply(stream: number): void;
  /** Bytes of a stream, which are the callee's from now on. */
  onData(stream: number, bytes: Uint8Array): void;
  /** The peer ended its half of a stream. */
  onEnd(stream: number): void;
  /** The peer ended a stream both ways. */
  onReset(stream: number): void;
  /** The peer accepts no more streams. */
  onGoAway(): void;
  /** What `write` could not hand on is on its way. */
  onDrain(): void;
  /** What `prove` asked for: whether no worker of the peer is blocked. */
  onProof(passed: boolean): void;
  /** The session is over by itself: the connection broke, or the peer is dead or sent what is not SPDY. Last. */
  onClose(error: KtError): void;
}

export class SpdyDriver {
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #handler: SpdyHandler;
  readonly #mux = new SpdySession({ role: "client" });
  readonly #peer = new SpdystreamPeer(() => this.#mux.ping());
  readonly #joiner: DataJoiner;
  readonly #flushes: FlushSchedule;
  readonly #liveness: Liveness;
  readonly #emit = (event: SessionEvent): void => this.#on(event);
  #state: "reading" | "paused" | "closed" = "reading";
  /** When we last began to read: what came before that has waited for us. */
  #readingSinceMs: number;
  /** The Conn takes no more for now. */
  #blocked = false;

  /** Owns the Conn. */
  constructor(conn: Conn, clock: Clock, handler: SpdyHandler) {
    this.#conn = conn;
    this.#clock = clock;
    this.#handler = handler;
    this.#joiner = new DataJoiner((stream, bytes) => this.#state !== "closed" && handler.onData(stream, bytes));
    this.#flushes = new FlushSchedule(clock, () => this.#flush());
    this.#readingSinceMs = clock.now();
    this.#liveness = new Liveness(this.#readingSinceMs);
    conn.start({
      onData: (bytes) => this.#received(bytes),
      onEnd: () => this.#fail(serverClosed()),
      onDrain: () => this.#drained(),
      onClose: (error) => this.#fail(error ?? serverClosed()),
    });
  }

  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  /** Whether `open` may be called. */
  get canOpen(): boolean {
    return this.isOpen && this.#mux.canOpen;
  }

  /** The Conn takes no more for now. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  get isPaused(): boolean {
    return this.#state === "paused";
  }

  get heardMs(): number {
    return this.#liveness.heardMs;
  }

  /** Opens a stream and returns its id; `fin` says that we send nothing on it. */
  open(headers: SpdyHeaders, options: { readonly fin?: boolean } = {}): number {
    const stream = this.#mux.open(headers, options);
    this.#flushes.request("after-poll");
    return stream;
  }

  /** As `Conn.write`. */
  write(stream: number, bytes: Uint8Array): boolean {
    if (!this.isOpen) return true;
    this.#peer.sent(bytes.length);
    this.#mux.write(stream, bytes);
    this.#flushes.request("soon");
    return !this.#blocked;
  }

  /** Ends our half of a stream. */
  end(stream: number, moment: Moment): void {
    this.#mux.end(stream);
    this.#flushes.request(moment);
  }

  /** Gives a stream up, both ways. */
  reset(stream: number): void {
    this.#mux.reset(stream, resetStatus.cancel);
    this.#flushes.request("soon");
  }

  /** Stops reading: nothing is reported, and the silence is ours. */
  pause(): void {
    if (this.#state !== "reading") return;
    this.#state = "paused";
    this.#conn.pause();
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "reading";
    this.#readingSinceMs = this.#clock.now();
    this.#liveness.heard(this.#readingSinceMs);
    this.#conn.resume();
  }

  /**
   * Called about every second: pings a silent peer, and closes the session of a dead one. `pathAlive`: others on the same way
   * were heard, so that this peer may only be waiting for a program that does not read: pings wait behind the bytes that it
   * was sent, in the buffers before the peer or in its workers.
   */
  tick(nowMs: number, pathAlive: boolean): void {
    if (this.#state !== "reading") return;
    if (this.#peer.isProofLate(nowMs)) this.#proof(false);
    const isExcused = pathAlive && (this.#blocked || this.#peer.mayWaitForReader);
    const verdict = this.#liveness.verdict(nowMs, { pingIntervalMs: this.#peer.pingIntervalMs, isExcused });
    if (verdict === "ping") this.ping();
    else if (verdict === "dead") this.#fail(noPong());
  }

  /** Asks for a sign of life now. */
  ping(): void {
    if (!this.isOpen || !this.#liveness.ask(this.#clock.now())) return;
    this.#peer.ping();
    this.#flushes.request("soon");
  }

  /** Whether it has read for this long and can send: what the peer has not answered in that time says something about the peer. */
  isFlowing(nowMs: number, forMs: number): boolean {
    return this.#state === "reading" && !this.#blocked && nowMs - this.#readingSinceMs >= forMs;
  }

  /** Whether the peer's worker that handles this stream is blocked. */
  isWorkerBlocked(stream: number): boolean {
    return this.#peer.isBlocked(stream);
  }

  /** Bytes that were sent on this stream may block the peer's worker for good, also because they have not left yet. */
  doubt(stream: number): void {
    this.#peer.doubt(stream);
  }

  /** Asks the peer to show that no worker is blocked, where that is in doubt; the answer is `onProof`, at once where it is not. */
  prove(): void {
    if (!this.#peer.isDoubted) this.#proof(true);
    else if (this.#peer.prove(this.#clock.now())) this.#flushes.request("soon");
    else this.#proof(false);
  }

  /** No proof is waited for any more. */
  dropProof(): void {
    this.#peer.dropProof();
  }

  /** Ends everything at once; nothing more is reported. */
  close(): void {
    if (!this.isOpen) return;
    this.#state = "closed";
    this.#conn.abort();
  }

  #proof(passed: boolean): void {
    this.#peer.dropProof();
    this.#handler.onProof(passed);
  }

  #received(bytes: Uint8Array): void {
    this.#liveness.heard(this.#clock.now());
    this.#joiner.begin(bytes);
    try {
      this.#mux.receive(bytes, this.#emit);
      this.#joiner.finish();
    } catch (error) {
      this.#fail(toKtError(error, "protocol", "read from the session"));
      return;
    }
    if (this.#mux.hasOutput) this.#flushes.request("soon");
  }

  #on(event: SessionEvent): void {
    if (event.type !== "data") {
      this.#joiner.deliver();
      this.#onOther(event);
      return;
    }
    if (event.bytes.length > 0) {
      this.#peer.answered();
      this.#joiner.add(event.stream, event.bytes);
    }
    if (!event.fin) return;
    this.#joiner.deliver();
    if (this.isOpen) this.#handler.onEnd(event.stream);
  }

  #onOther(event: Exclude<SessionEvent, { type: "data" }>): void {
    if (!this.isOpen) return;
    if (event.type === "replied") this.#handler.onReply(event.stream);
    else if (event.type === "reset") this.#handler.onReset(event.stream);
    else if (event.type === "going-away") this.#handler.onGoAway();
    else if (event.type === "pinged") this.#peer.pingEchoed();
    else if (event.type === "pong" && this.#peer.pongReceived(event.id)) this.#proof(true);
  }

  #drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    if (this.isOpen) this.#handler.onDrain();
    this.#flushes.flushNow();
  }

  #flush(): void {
    if (!this.isOpen) return;
    for (const chunk of this.#mux.take()) if (!this.#conn.write(chunk)) this.#blocked = true;
  }

  #fail(error: KtError): void {
    if (!this.isOpen) return;
    this.close();
    this.#handler.onClose(error);
  }
}
