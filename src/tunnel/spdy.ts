/** Drives mux/session over an upgraded Conn: one session to one pod, carrying pairs of data and error streams. */

import { emptyBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import type { SessionEvent } from "#mux/events.ts";
import { SpdySession } from "#mux/session.ts";
import { streamHeaders } from "#wire/portforward.ts";

/** One pair of streams as the session tells it what happens. */
export interface PairListener {
  pairData(bytes: Uint8Array): void;
  /** The pod's side sent its last byte. */
  pairEnded(): void;
  /** Text on the error stream: the forward failed. */
  pairFailed(text: string): void;
  /** The far end reset the data stream, or the session is dead. */
  pairLost(error: KtError): void;
  /** Both streams are over in an orderly way. */
  pairClosed(): void;
  pairDrained(): void;
}

interface Pair {
  readonly data: number;
  readonly error: number;
  readonly listener: PairListener;
  /** Held back for a reader that paused while others share the session. */
  waiting: Uint8Array[];
  waitingBytes: number;
  paused: boolean;
  errorText: string;
  errorEnded: boolean;
  farEnded: boolean;
  /** Whether the listener knows that the far end has ended. */
  endTold: boolean;
  ended: boolean;
}

/** What became of a session: it carries nothing any more. */
export type SessionGone = (session: PodSession, error: KtError | undefined) => void;

const decoder = new TextDecoder();

export class PodSession {
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #mux = new SpdySession({ role: "client" });
  readonly #onGone: SessionGone;
  readonly #onFree: (session: PodSession) => void;
  /** Both stream ids lead to their pair. */
  readonly #pairs = new Map<number, Pair>();
  #pairCount = 0;
  #nextRequest = 0;
  #lastHeardMs: number;
  #pingSentMs: number | undefined;
  /** No more pairs: the far end says so, or a pair that others shared the session with ended badly and may block a worker. */
  #goingAway = false;
  /** Pings that must still be answered before the session may carry another connection. */
  #proof: { waiting: number; readonly sinceMs: number } | undefined;
  #gone = false;
  #connPaused = false;
  #blocked = false;
  #flushing = false;
  #chunk: Uint8Array = emptyBytes;
  /** Data of one pair within the bytes that are being read, not delivered yet. */
  #run: { readonly pair: Pair; readonly chunk: Uint8Array; readonly start: number; end: number } | undefined;
  readonly #emit = (event: SessionEvent): void => this.#on(event);
  /** Since when no pair has been open, for retiring; undefined while one is. */
  idleSinceMs: number | undefined;

  constructor(options: { conn: Conn; clock: Clock; onGone: SessionGone; onFree: (session: PodSession) => void }) {
    this.#conn = options.conn;
    this.#clock = options.clock;
    this.#onGone = options.onGone;
    this.#onFree = options.onFree;
    this.#lastHeardMs = this.#clock.now();
    this.idleSinceMs = this.#lastHeardMs;
    this.#conn.start({
      onData: (bytes) => this.#received(bytes),
      onEnd: () => this.#die(new KtError("connection-lost", "the API server closed the session")),
      onDrain: () => this.#drained(),
      onClose: (error) => this.#die(error ?? new KtError("connection-lost", "the session was closed")),
    });
  }

  get openPairs(): number {
    return this.#pairCount;
  }

  /** True when new pairs may be opened. */
  get usable(): boolean {
    return !this.#gone && !this.#goingAway && this.#mux.canOpen;
  }

  /** True while a reader holds up the session: a bad one to share. */
  get stalled(): boolean {
    return this.#connPaused || this.#blocked;
  }

  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** Opens a connection to a port of the pod. Nothing is confirmed: a refusal comes as `pairFailed`. */
  open(port: number, listener: PairListener): PairHandle {
    const request = String(this.#nextRequest++);
    // Order matters to kubelet: the error stream, of which we close our half at once, and then the data stream.
    const error = this.#mux.open(streamHeaders("error", port, request), { fin: true });
    const data = this.#mux.open(streamHeaders("data", port, request));
    const pair: Pair = {
      data,
      error,
      listener,
      waiting: [],
      waitingBytes: 0,
      paused: false,
      errorText: "",
      errorEnded: false,
      farEnded: false,
      endTold: false,
      ended: false,
    };
    this.#pairs.set(error, pair).set(data, pair);
    this.#pairCount += 1;
    this.idleSinceMs = undefined;
    this.#resumeConn();
    this.#scheduleFlush();
    return new PairHandle(this, pair);
  }

  /** Called about every second: pings a quiet session, and ends one that has not answered. `pathAlive` vouches for a session whose far end only refuses to read. */
  tick(nowMs: number, pathAlive: boolean): void {
    if (this.#gone || this.#connPaused) return;
    if (this.#proof && nowMs - this.#proof.sinceMs >= proofMs) {
      this.#die(undefined);
      return;
    }
    if (this.#pingSentMs !== undefined && nowMs - this.#pingSentMs >= limits.pingTimeoutMs) {
      if (this.#blocked && pathAlive) return;
      this.#die(new KtError("connection-lost", `the session answered no ping within ${limits.pingTimeoutMs / 1000} s`));
    } else if (this.#pingSentMs === undefined && nowMs - this.#lastHeardMs >= limits.pingIntervalMs) this.ping();
  }

  /** Asks for a sign of life now. */
  ping(): void {
    if (this.#gone || this.#pingSentMs !== undefined) return;
    this.#pingSentMs = this.#clock.now();
    this.#mux.ping(this.#pingSentMs);
    this.#flush();
  }

  /** Ends the session and with it every pair. */
  close(): void {
    this.#die(undefined);
  }

  #received(bytes: Uint8Array): void {
    this.#lastHeardMs = this.#clock.now();
    this.#pingSentMs = undefined;
    this.#chunk = bytes;
    try {
      this.#mux.receive(bytes, this.#lastHeardMs, this.#emit);
      this.#deliverRun();
    } catch (error) {
      this.#die(toKtError(error, "protocol", "read from the pod's session"));
      return;
    }
    this.#scheduleFlush();
  }

  #on(event: SessionEvent): void {
    if (event.type === "going-away") {
      this.#goingAway = true;
      return;
    }
    if (event.type === "pong") this.#ponged();
    if (event.type !== "data" && event.type !== "reset") return;
    const pair = this.#pairs.get(event.stream);
    if (!pair) return;
    if (event.type === "data" && event.stream === pair.data) {
      this.#onDataStream(pair, event.bytes, event.fin);
      return;
    }
    this.#deliverRun();
    if (event.type === "reset") this.#resetByFarEnd(pair, event.stream);
    else this.#onErrorStream(pair, event.bytes, event.fin);
  }

  #onDataStream(pair: Pair, bytes: Uint8Array, fin: boolean): void {
    if (bytes.length > 0) this.#extendRun(pair, bytes);
    if (!fin) return;
    this.#deliverRun();
    pair.farEnded = true;
    this.#tellEnd(pair);
  }

  /**
   * The pod's bytes arrive in frames of 32 KiB and less, several to a read. Moved together over the frame headers between them
   * they leave in one write: a memory copy costs a fraction of a system call per frame.
   */
  #extendRun(pair: Pair, bytes: Uint8Array): void {
    const chunk = this.#chunk;
    const at = bytes.byteOffset - chunk.byteOffset;
    const run = this.#run;
    if (run && run.pair === pair && run.chunk === chunk) {
      chunk.copyWithin(run.end, at, at + bytes.length);
      run.end += bytes.length;
      return;
    }
    this.#deliverRun();
    this.#run = { pair, chunk, start: at, end: at + bytes.length };
  }

  #deliverRun(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    const { pair } = run;
    const bytes = run.chunk.subarray(run.start, run.end);
    if (pair.paused) this.#hold(pair, bytes);
    else pair.listener.pairData(bytes);
  }

  /** The runtime closes the data stream first and says why on the error stream a moment later: the end waits for that. */
  #tellEnd(pair: Pair): void {
    if (!pair.farEnded || !pair.errorEnded || pair.endTold || pair.paused) return;
    pair.endTold = true;
    pair.listener.pairEnded();
    this.#finishIfOver(pair);
  }

  #onErrorStream(pair: Pair, bytes: Uint8Array, fin: boolean): void {
    if (bytes.length > 0 && pair.errorText.length < limits.errorTextBytes) pair.errorText += decoder.decode(bytes);
    if (!fin) return;
    pair.errorEnded = true;
    if (pair.errorText === "") {
      this.#tellEnd(pair);
      this.#finishIfOver(pair);
      return;
    }
    this.#forget(pair);
    this.#goingAway ||= this.#pairCount > 0;
    if (!pair.ended) this.#mux.reset(pair.data, cancelStatus);
    pair.listener.pairFailed(pair.errorText);
    this.#proveIfIdle();
  }

  #resetByFarEnd(pair: Pair, stream: number): void {
    this.#forget(pair);
    this.#goingAway ||= this.#pairCount > 0;
    this.#mux.reset(stream === pair.data ? pair.error : pair.data, cancelStatus);
    pair.listener.pairLost(new KtError("connection-lost", "the pod's side reset the connection"));
    this.#proveIfIdle();
  }

  #finishIfOver(pair: Pair): void {
    if (!pair.endTold || !pair.ended || !pair.errorEnded || !this.#forget(pair)) return;
    pair.listener.pairClosed();
    this.#proveIfIdle();
  }

  #forget(pair: Pair): boolean {
    this.#pairs.delete(pair.error);
    if (!this.#pairs.delete(pair.data)) return false;
    this.#pairCount -= 1;
    pair.waiting = [];
    pair.waitingBytes = 0;
    pair.paused = false;
    this.#resumeConn();
    return true;
  }

  /**
   * Before the session carries another connection it must prove that it can. The far end (spdystream) has five workers and
   * gives each stream to one of them; bytes that we sent and that nobody reads there, because the pod refused the connection
   * or ended it first, block their worker for good, and with it every later stream that falls to it. Pings go to the workers
   * in turn: as many answers as there are workers, and none is blocked.
   */
  #proveIfIdle(): void {
    if (this.#pairCount > 0 || this.#gone) return;
    if (this.#goingAway) {
      this.#die(undefined);
      return;
    }
    this.#proof = { waiting: farWorkers, sinceMs: this.#clock.now() };
    for (let worker = 0; worker < farWorkers; worker++) this.#mux.ping(this.#proof.sinceMs);
    this.#scheduleFlush();
  }

  #ponged(): void {
    const proof = this.#proof;
    if (!proof) return;
    proof.waiting -= 1;
    if (proof.waiting > 0) return;
    this.#proof = undefined;
    this.idleSinceMs = this.#clock.now();
    this.#onFree(this);
  }

  #hold(pair: Pair, bytes: Uint8Array): void {
    pair.waiting.push(bytes);
    pair.waitingBytes += bytes.length;
    // Alone on its session, a paused reader stops the far end through TCP itself; beside others only when it holds too much.
    if (this.#pairCount === 1 || pair.waitingBytes > limits.sharedStreamBufferBytes) this.#pauseConn();
  }

  #pauseConn(): void {
    if (this.#connPaused || this.#gone) return;
    this.#connPaused = true;
    this.#conn.pause();
  }

  #resumeConn(): void {
    if (!this.#connPaused || this.#gone) return;
    for (const pair of this.#pairs.values()) if (pair.waitingBytes > limits.sharedStreamBufferBytes) return;
    this.#connPaused = false;
    // The silence was ours.
    this.#lastHeardMs = this.#clock.now();
    this.#pingSentMs = undefined;
    this.#conn.resume();
  }

  #drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    for (const [stream, pair] of this.#pairs) if (stream === pair.data) pair.listener.pairDrained();
    this.#flush();
  }

  /** Small writes of one turn of the event loop leave together. */
  #scheduleFlush(): void {
    if (this.#flushing || this.#gone) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#gone) return;
    for (const chunk of this.#mux.take()) if (!this.#conn.write(chunk)) this.#blocked = true;
  }

  #die(error: KtError | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#conn.abort();
    const lost = error ?? new KtError("connection-lost", "the tunnel was closed");
    const pairs = new Set(this.#pairs.values());
    this.#pairs.clear();
    this.#pairCount = 0;
    for (const pair of pairs) pair.listener.pairLost(lost);
    this.#onGone(this, error);
  }

  /** For PairHandle only, as the rest below. */
  write(pair: Pair, bytes: Uint8Array): boolean {
    if (this.#gone || !this.#pairs.has(pair.data)) return true;
    this.#mux.write(pair.data, bytes);
    this.#scheduleFlush();
    return !this.#blocked;
  }

  end(pair: Pair): void {
    if (this.#gone || pair.ended || !this.#pairs.has(pair.data)) return;
    pair.ended = true;
    this.#mux.end(pair.data);
    this.#scheduleFlush();
    this.#finishIfOver(pair);
  }

  /** Gives the pair up. A session of its own goes with it, which frees everything at the far end at once. */
  abort(pair: Pair): void {
    if (!this.#forget(pair)) return;
    if (this.#pairCount === 0) {
      this.#die(undefined);
      return;
    }
    this.#goingAway = true;
    this.#mux.reset(pair.data, cancelStatus);
    this.#mux.reset(pair.error, cancelStatus);
    this.#scheduleFlush();
  }

  pause(pair: Pair): void {
    // The session itself is paused when bytes arrive for the pair, not before: most pauses end sooner.
    pair.paused = true;
  }

  resume(pair: Pair): void {
    if (!pair.paused) return;
    pair.paused = false;
    while (pair.waiting.length > 0 && !pair.paused) {
      const bytes = pair.waiting.shift() as Uint8Array;
      pair.waitingBytes -= bytes.length;
      pair.listener.pairData(bytes);
    }
    if (pair.paused) return;
    this.#tellEnd(pair);
    this.#resumeConn();
  }
}

/** Workers per connection at the far end (spdystream, FRAME_WORKERS). */
const farWorkers = 5;

/** How long a session may take to prove that it can be used again; the answers need one round trip. */
const proofMs = 2000;

/** RST_STREAM status CANCEL (SPDY/3.1 §2.6.3). */
const cancelStatus = 5;

/** The local end of one pair. */
export class PairHandle {
  readonly #session: PodSession;
  readonly #pair: Pair;

  constructor(session: PodSession, pair: Pair) {
    this.#session = session;
    this.#pair = pair;
  }

  write(bytes: Uint8Array): boolean {
    return this.#session.write(this.#pair, bytes);
  }

  end(): void {
    this.#session.end(this.#pair);
  }

  abort(): void {
    this.#session.abort(this.#pair);
  }

  pause(): void {
    this.#session.pause(this.#pair);
  }

  resume(): void {
    this.#session.resume(this.#pair);
  }
}
