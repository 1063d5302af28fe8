/** Drives mux/session over an upgraded Conn: one session to one pod, carrying pairs of data and error streams. */

import { emptyBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { SessionEvent } from "#mux/events.ts";
import { muxLimits } from "#mux/limits.ts";
import { Liveness } from "#mux/liveness.ts";
import { SpdySession } from "#mux/session.ts";
import { SpdystreamPeer } from "#mux/spdystream.ts";
import { streamHeaders } from "#wire/portforward.ts";
import { describeForwardFailure, isUnread } from "./failure.ts";
import { Pair, type PairSession } from "./pair.ts";
import type { PipeListener } from "#tunnel/pipe/pipe.ts";

/** What became of a session: it carries nothing any more. */
export type SessionGone = (session: PodSession, error: KtError | undefined) => void;

export interface PodSessionOptions {
  readonly conn: Conn;
  /** Its name, for what went wrong. */
  readonly pod: string;
  readonly clock: Clock;
  readonly onGone: SessionGone;
  readonly onFree: (session: PodSession) => void;
}

/** RST_STREAM status CANCEL (SPDY/3.1 §2.6.3). */
const cancelStatus = 5;

export class PodSession implements PairSession {
  readonly #conn: Conn;
  readonly #pod: string;
  readonly #clock: Clock;
  readonly #mux = new SpdySession({ role: "client" });
  readonly #onGone: SessionGone;
  readonly #onFree: (session: PodSession) => void;
  /** Both stream ids lead to their pair. */
  readonly #pairs = new Map<number, Pair>();
  #pairCount = 0;
  /** Pairs that are not leaving. */
  #busyCount = 0;
  #nextRequest = 0;
  readonly #liveness: Liveness;
  readonly #peer = new SpdystreamPeer(() => this.#mux.ping());
  /** No more pairs: the far end says so, or a pair that others shared the session with ended badly and may block a worker. */
  #goingAway = false;
  #gone = false;
  #connPaused = false;
  /** When we last began to read again: what came before that has waited for us. */
  #resumedMs: number;
  #blocked = false;
  #flushing = false;
  #flushingLater = false;
  #chunk: Uint8Array = emptyBytes;
  /** Data of one pair within the bytes that are being read, not delivered yet. */
  #run: { readonly pair: Pair; readonly chunk: Uint8Array; readonly start: number; end: number } | undefined;
  readonly #emit = (event: SessionEvent): void => this.#on(event);
  /** Since when it has carried nothing but pairs that are leaving, and could carry another; undefined while it does not. */
  idleSinceMs: number | undefined;

  constructor(options: PodSessionOptions) {
    this.#conn = options.conn;
    this.#pod = options.pod;
    this.#clock = options.clock;
    this.#onGone = options.onGone;
    this.#onFree = options.onFree;
    this.#liveness = new Liveness(this.#clock.now());
    this.#resumedMs = this.#clock.now();
    this.idleSinceMs = this.#clock.now();
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

  /** Those that still need the session. */
  get busyPairs(): number {
    return this.#busyCount;
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
    return this.#liveness.heardMs;
  }

  /** Opens a connection to a port of the pod. Nothing is confirmed: a refusal comes as `pipeFailed`. */
  open(port: number, listener: PipeListener): Pair {
    if (!this.usable) return this.#openInVain(listener);
    const request = String(this.#nextRequest++);
    // Order matters to kubelet: the error stream, of which we close our half at once, and then the data stream.
    const error = this.#mux.open(streamHeaders("error", port, request), { fin: true });
    const data = this.#mux.open(streamHeaders("data", port, request));
    const pair = new Pair(this, { data, error, port, openedMs: this.#clock.now() }, listener);
    this.#pairs.set(error, pair).set(data, pair);
    this.#pairCount += 1;
    this.#busy();
    this.#resumeConn();
    this.#flushAfterPoll();
    return pair;
  }

  /** One more pair needs the session. */
  #busy(): void {
    this.#busyCount += 1;
    this.idleSinceMs = undefined;
    this.#peer.dropProof();
  }

  /** The session died, or was told to take no more, between being chosen and being used. */
  #openInVain(listener: PipeListener): Pair {
    queueMicrotask(() => listener.pipeFailed(new KtError("connection-lost", "the session was lost"), "if-nothing-sent"));
    return new Pair(this, { data: 0, error: 0, port: 0, openedMs: 0 }, listener);
  }

  /**
   * Called about every second: pings a quiet session, and ends one that has not answered. `pathAlive` vouches for one whose
   * far end is only not reading: pings wait behind the bytes that it does not take, in the buffers before it or in its workers.
   */
  tick(nowMs: number, pathAlive: boolean): void {
    for (const pair of this.#eachPair()) this.#tickPair(pair, nowMs);
    if (this.#gone || this.#connPaused) return;
    this.#failIgnored(nowMs);
    const mayBeUnread = this.#peer.hasBlocked || this.#blocked || this.#liveness.mayWaitForReader;
    const { pingIntervalMs } = this.#peer;
    const verdict = this.#liveness.verdict(nowMs, { pingIntervalMs, isExcused: mayBeUnread && pathAlive });
    if (this.#peer.isProofLate(nowMs)) this.retire();
    else if (verdict === "ping") this.ping();
    else if (verdict === "dead") {
      this.#die(new KtError("connection-lost", `the session answered no ping within ${muxLimits.pingTimeoutMs / 1000} s`));
    }
  }

  /**
   * A pair that nobody takes up has fallen to a worker that is blocked, if that worker answers no ping while others do. Where
   * none answers the far end is slow, or dead.
   */
  #failIgnored(nowMs: number): void {
    if (this.#blocked || nowMs - this.#resumedMs < tunnelLimits.acceptMs) return;
    for (const pair of this.#eachPair()) {
      if (pair.accepted || nowMs - pair.openedMs < tunnelLimits.acceptMs || !this.#pairs.has(pair.data)) continue;
      if (this.#peer.isBlocked(pair.data) || this.#peer.isBlocked(pair.error)) this.#failIgnoredPair(pair);
      else this.ping();
    }
  }

  #failIgnoredPair(pair: Pair): void {
    this.#goingAway = true;
    this.#failWith(pair, new KtError("connection-lost", "the pod's node did not take the connection up"));
  }

  /** Each once, though two ids lead to it; as they are now, whatever becomes of them meanwhile. */
  #eachPair(): ReadonlySet<Pair> {
    return new Set(this.#pairs.values());
  }

  #tickPair(pair: Pair, nowMs: number): void {
    pair.tick(nowMs);
    this.#finishIfOver(pair);
  }

  /** Asks for a sign of life now, each of the far end's workers, for one may be held up by a connection that nobody reads. */
  ping(): void {
    const nowMs = this.#clock.now();
    if (this.#gone || !this.#liveness.ask(nowMs)) return;
    this.#peer.ping();
    this.#flush();
  }

  /** Takes no more connections, and ends with the last one. */
  retire(): void {
    this.#goingAway = true;
    this.#peer.dropProof();
    if (this.#pairCount === 0) this.#die(undefined);
  }

  /** Ends the session and with it every pair. */
  close(): void {
    this.#die(undefined);
  }

  #received(bytes: Uint8Array): void {
    const nowMs = this.#clock.now();
    this.#liveness.heard(nowMs);
    this.#chunk = bytes;
    try {
      this.#mux.receive(bytes, this.#emit);
      this.#deliverRun();
    } catch (error) {
      this.#die(toKtError(error, "protocol", "read from the pod's session"));
      return;
    }
    this.#scheduleFlush();
  }

  #on(event: SessionEvent): void {
    if (event.type === "going-away") {
      this.retire();
      return;
    }
    if (event.type === "pinged") this.#peer.pingEchoed();
    if (event.type === "pong" && this.#peer.pongReceived(event.id)) this.#proven();
    if (event.type === "replied") this.#pairs.get(event.stream)?.replied(event.stream);
    if (event.type !== "data" && event.type !== "reset") return;
    const pair = this.#pairs.get(event.stream);
    if (!pair) return;
    if (event.type === "data" && event.stream === pair.data) {
      this.#onDataStream(pair, event.bytes, event.fin);
      return;
    }
    this.#deliverRun();
    if (event.type === "reset") this.#resetByFarEnd(pair);
    else this.#onErrorStream(pair, event.bytes, event.fin);
  }

  #onDataStream(pair: Pair, bytes: Uint8Array, fin: boolean): void {
    if (bytes.length > 0) {
      // What it hears of the run may be the end of this pair.
      if (this.#run && this.#run.pair !== pair) this.#deliverRun();
      if (pair.leaving) this.#stays(pair);
      this.#extendRun(pair, bytes);
    }
    if (!fin) return;
    this.#deliverRun();
    pair.farEnded(this.#clock.now());
    this.#finishIfOver(pair);
  }

  /** It has more to say than its end, so its reader may hold up the session. */
  #stays(pair: Pair): void {
    pair.leaving = false;
    this.#busy();
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
    if (pair.received(run.chunk.subarray(run.start, run.end))) return;
    // Alone on its session, a paused reader stops the far end through TCP itself; beside others only when it holds too much.
    if (this.#pairCount === 1 || pair.heldBytes > tunnelLimits.sharedStreamBufferBytes) this.#pauseConn();
  }

  #onErrorStream(pair: Pair, bytes: Uint8Array, fin: boolean): void {
    if (bytes.length > 0) pair.receivedError(bytes);
    if (!fin) return;
    pair.errorStreamEnded();
    if (pair.errorText === "") {
      this.#finishIfOver(pair);
      return;
    }
    this.#fail(pair);
    if (!pair.ended) this.#mux.reset(pair.data, cancelStatus);
    pair.listener.pipeFailed(
      describeForwardFailure(pair.errorText, this.#pod, pair.port),
      isUnread(pair.errorText) ? "always" : "if-nothing-sent",
    );
    this.#afterForgetting(pair);
  }

  #resetByFarEnd(pair: Pair): void {
    this.#failWith(pair, new KtError("connection-lost", "the pod's side reset the connection"));
  }

  #failWith(pair: Pair, error: KtError): void {
    this.#fail(pair);
    this.#mux.reset(pair.data, cancelStatus);
    this.#mux.reset(pair.error, cancelStatus);
    this.#scheduleFlush();
    pair.listener.pipeFailed(error, "if-nothing-sent");
    this.#afterForgetting(pair);
  }

  /** What it sent may block a worker: beside others that cannot be proven now. */
  #fail(pair: Pair): void {
    if (pair.leaving) this.#stays(pair);
    pair.doubt();
    this.#forget(pair);
    this.#goingAway ||= this.#busyCount > 0;
  }

  #finishIfOver(pair: Pair): void {
    if (!pair.isOver || !this.#forget(pair)) return;
    pair.listener.pipeClosed();
    this.#afterForgetting(pair);
  }

  #forget(pair: Pair): boolean {
    this.#pairs.delete(pair.error);
    if (!this.#pairs.delete(pair.data)) return false;
    this.#pairCount -= 1;
    if (!pair.leaving) this.#notBusy(pair);
    pair.forgotten();
    this.#resumeConn();
    return true;
  }

  #afterForgetting(pair: Pair): void {
    if (this.#goingAway && this.#pairCount === 0) this.#die(undefined);
    else if (!pair.leaving) this.#proveIfIdle();
  }

  #notBusy(pair: Pair): void {
    this.#busyCount -= 1;
    if (pair.mayBeUnread || this.#blocked) this.#peer.doubt(pair.data);
  }

  /**
   * Before it carries another connection, a session must prove that it can, unless the pod had the last word. The far end
   * (spdystream) has five workers and gives each stream to one of them; bytes that we sent and that nobody reads there, because
   * the pod refused the connection or ended it first, block their worker for good, and with it every later stream that falls
   * to it. One that answers a ping has got rid of all that was sent before.
   */
  #proveIfIdle(): void {
    if (this.#busyCount > 0 || this.#gone || this.#goingAway) return;
    if (!this.#peer.isDoubted) this.#proven();
    else if (this.#peer.prove(this.#clock.now())) this.#scheduleFlush();
    else this.retire();
  }

  #proven(): void {
    this.idleSinceMs = this.#clock.now();
    this.#onFree(this);
  }

  #pauseConn(): void {
    if (this.#connPaused || this.#gone) return;
    this.#connPaused = true;
    this.#conn.pause();
  }

  #resumeConn(): void {
    if (!this.#connPaused || this.#gone) return;
    for (const pair of this.#pairs.values()) if (pair.heldBytes > tunnelLimits.sharedStreamBufferBytes) return;
    this.#connPaused = false;
    this.#resumedMs = this.#clock.now();
    this.#liveness.resumed(this.#clock.now());
    this.#conn.resume();
  }

  #drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    for (const [stream, pair] of this.#pairs) if (stream === pair.data) pair.listener.pipeDrained();
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

  /**
   * A client's first bytes are mostly there when its connection is, and leave with the streams that are opened for it, in one
   * write instead of two at every hop. They are read in the next turn of the event loop, after the first of these callbacks.
   */
  #flushAfterPoll(): void {
    setImmediate(() => setImmediate(() => this.#flush()));
  }

  /** An end that nobody waits for leaves with what the session carries next: that saves a message at every hop. */
  #flushLater(): void {
    if (this.#flushingLater || this.#gone) return;
    this.#flushingLater = true;
    this.#clock.after(tunnelLimits.endDelayMs, () => {
      this.#flushingLater = false;
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
    const pairs = this.#eachPair();
    this.#pairs.clear();
    this.#pairCount = 0;
    this.#busyCount = 0;
    for (const pair of pairs) pair.listener.pipeFailed(lost, "if-nothing-sent");
    this.#onGone(this, error);
  }

  /** For the pairs only, as the rest below. */
  write(pair: Pair, bytes: Uint8Array): boolean {
    if (this.#gone || !this.#pairs.has(pair.data)) return true;
    pair.sent(bytes.length);
    this.#liveness.sent(bytes.length);
    this.#mux.write(pair.data, bytes);
    this.#scheduleFlush();
    return !this.#blocked;
  }

  end(pair: Pair): void {
    if (this.#gone || pair.ended || !this.#pairs.has(pair.data)) return;
    pair.ended = true;
    this.#mux.end(pair.data);
    this.#flushLater();
    this.#finishIfOver(pair);
    if (this.#pairs.has(pair.data)) this.#leaves(pair);
  }

  /** Container runtimes take a second to close a connection whose client has gone. Until then it needs nothing of the session. */
  #leaves(pair: Pair): void {
    if (pair.heldBytes > 0 || this.#pairCount > tunnelLimits.pairsPerSession) return;
    pair.leaving = true;
    this.#notBusy(pair);
    this.#proveIfIdle();
  }

  /** Gives the pair up. A session of its own goes with it, which frees everything at the far end at once. */
  abort(pair: Pair): void {
    if (!this.#forget(pair)) return;
    if (this.#pairCount === 0 && !pair.leaving) {
      this.#die(undefined);
      return;
    }
    this.#goingAway ||= !pair.leaving;
    this.#mux.reset(pair.data, cancelStatus);
    this.#mux.reset(pair.error, cancelStatus);
    this.#scheduleFlush();
    this.#afterForgetting(pair);
  }

  resumed(pair: Pair): void {
    this.#finishIfOver(pair);
    this.#resumeConn();
  }
}
