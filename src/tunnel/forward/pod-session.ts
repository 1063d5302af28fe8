/** One session to one pod, carrying connections: who still needs it, when it is free for the next, and when it takes no more. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { sessionLost } from "#kube/stream/session-errors.ts";
import { SpdyDriver } from "#kube/stream/spdy-driver.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";
import { streamHeaders } from "#wire/portforward.ts";
import { describeForwardFailure } from "./failure.ts";
import { ForwardedStream, type StreamOwner } from "./forwarded-stream.ts";

export interface PodSessionOptions {
  readonly conn: Conn;
  /** Its name, for what went wrong. */
  readonly pod: string;
  readonly clock: Clock;
  /** It carries nothing any more. */
  readonly onGone: (session: PodSession, error: KtError | undefined) => void;
  /** It can carry another connection. */
  readonly onFree: (session: PodSession) => void;
}

export class PodSession {
  readonly #options: PodSessionOptions;
  readonly #driver: SpdyDriver;
  readonly #owner: StreamOwner;
  /** Both stream ids lead to their connection. */
  readonly #streams = new Map<number, ForwardedStream>();
  #openCount = 0;
  /** Those that have not left. */
  #busyCount = 0;
  #nextRequest = 0;
  /**
   * `retiring`: no more connections, and it ends with the last: the peer says so, the pod is gone, or a connection that others
   * shared the session with ended badly and may block a worker.
   */
  #state: "open" | "retiring" | "gone" = "open";
  #idleSinceMs: number | undefined;

  constructor(options: PodSessionOptions) {
    this.#options = options;
    this.#idleSinceMs = options.clock.now();
    this.#owner = {
      clientEnded: (stream) => this.#clientEnded(stream),
      returned: () => this.#busy(),
      resumed: (stream) => this.#resumed(stream),
      aborted: (stream) => this.#aborted(stream),
    };
    this.#driver = new SpdyDriver(options.conn, options.clock, {
      onReply: (id) => this.#streams.get(id)?.accepted(id),
      onData: (id, bytes) => this.#received(id, bytes),
      onEnd: (id) => this.#ended(id),
      onReset: (id) => this.#resetByPeer(id),
      onGoAway: () => this.retire(),
      onDrain: () => this.#drained(),
      onProof: (passed) => (passed ? this.#becameFree() : this.retire()),
      onClose: (error) => this.#die(error),
    });
  }

  get openStreams(): number {
    return this.#openCount;
  }

  /** Those whose clients still need the session. */
  get busyStreams(): number {
    return this.#busyCount;
  }

  /** True when new connections may be opened. */
  get usable(): boolean {
    return this.#state === "open" && this.#driver.canOpen;
  }

  /** True while a reader blocks the session: a bad one to share. */
  get stalled(): boolean {
    return this.#driver.isPaused || this.#driver.isBlocked;
  }

  get lastHeardMs(): number {
    return this.#driver.heardMs;
  }

  /** Since when it has carried nothing but connections that have left, and could carry another; undefined while it does not. */
  get idleSinceMs(): number | undefined {
    return this.#idleSinceMs;
  }

  /** Opens a connection to a port of the pod. Nothing is confirmed: a refusal comes as `pipeFailed`. */
  open(port: number, listener: PipeListener): Pipe {
    if (!this.usable) return lostPipe(listener);
    const driver = this.#driver;
    const request = String(this.#nextRequest++);
    // Order matters to kubelet: the error stream, of which we close our half at once, and then the data stream.
    const error = driver.open(streamHeaders("error", port, request), { fin: true });
    const data = driver.open(streamHeaders("data", port, request));
    const openedMs = this.#options.clock.now();
    const stream = new ForwardedStream({ driver, owner: this.#owner, data, error, port, openedMs, listener });
    this.#streams.set(error, stream).set(data, stream);
    this.#openCount += 1;
    this.#busy();
    this.#resumeReading();
    return stream;
  }

  /** Called about every second. `pathAlive`: other sessions on the same way were heard, see SpdyDriver. */
  tick(nowMs: number, pathAlive: boolean): void {
    for (const stream of this.#eachStream()) {
      stream.tick(nowMs);
      this.#finishIfDone(stream);
    }
    this.#failStuck(nowMs);
    this.#driver.tick(nowMs, pathAlive);
  }

  /** Asks for a sign of life now. */
  ping(): void {
    this.#driver.ping();
  }

  /** Takes no more connections, and ends with the last one. */
  retire(): void {
    this.#stopTaking();
    this.#driver.dropProof();
    if (this.#openCount === 0) this.#die(undefined);
  }

  /** Ends the session and with it every connection. */
  close(): void {
    this.#die(undefined);
  }

  /** One more connection needs the session. */
  #busy(): void {
    this.#busyCount += 1;
    this.#idleSinceMs = undefined;
    this.#driver.dropProof();
  }

  #notBusy(stream: ForwardedStream): void {
    this.#busyCount -= 1;
    if (stream.mayBlock || this.#driver.isBlocked) this.#driver.doubt(stream.data);
  }

  /**
   * Before it carries another connection, a session must prove that it can, unless the pod had the last word: bytes that are
   * never read, because the pod refused the connection or ended it first, block a worker of the peer.
   */
  #proveIfIdle(): void {
    if (this.#busyCount === 0 && this.#state === "open") this.#driver.prove();
  }

  #becameFree(): void {
    this.#idleSinceMs = this.#options.clock.now();
    this.#options.onFree(this);
  }

  #stopTaking(): void {
    if (this.#state === "open") this.#state = "retiring";
  }

  /**
   * If a stream is not accepted and its worker answers no ping while others do, that worker is blocked: fail the connection.
   * Where none answers the peer is slow, or dead.
   */
  #failStuck(nowMs: number): void {
    if (!this.#driver.isFlowing(nowMs, tunnelLimits.acceptMs)) return;
    for (const stream of this.#eachStream()) {
      if (stream.isAccepted || stream.isOver || nowMs - stream.openedMs < tunnelLimits.acceptMs) continue;
      if (this.#driver.isWorkerBlocked(stream.data) || this.#driver.isWorkerBlocked(stream.error)) this.#failStuckStream(stream);
      else this.#driver.ping();
    }
  }

  #failStuckStream(stream: ForwardedStream): void {
    this.#stopTaking();
    this.#failWith(stream, new KtError("connection-lost", "the pod's node did not accept the connection"));
  }

  /** Each once, though two ids lead to it; as they are now, whatever becomes of them meanwhile. */
  #eachStream(): ReadonlySet<ForwardedStream> {
    return new Set(this.#streams.values());
  }

  #received(id: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(id);
    if (stream?.error === id) stream.receivedError(bytes);
    if (stream?.data !== id || stream.received(bytes)) return;
    // Alone on its session, a paused reader stops the peer through TCP itself; beside others only when it holds too much.
    if (this.#openCount === 1 || stream.heldBytes > tunnelLimits.sharedStreamBufferBytes) this.#driver.pause();
  }

  #ended(id: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    if (id === stream.data) stream.podEnded(this.#options.clock.now());
    else stream.errorStreamEnded();
    if (stream.errorText === "" || id === stream.data) this.#finishIfDone(stream);
    else this.#failAsToldByPeer(stream);
  }

  #failAsToldByPeer(stream: ForwardedStream): void {
    const { errorText, isSending } = stream;
    this.#fail(stream);
    if (isSending) this.#driver.reset(stream.data);
    const { error, again } = describeForwardFailure(errorText, this.#options.pod, stream.port);
    stream.listener.pipeFailed(error, again);
    this.#afterClosing();
  }

  #resetByPeer(id: number): void {
    const stream = this.#streams.get(id);
    if (stream) this.#failWith(stream, new KtError("connection-lost", "the pod's side reset the connection"));
  }

  #failWith(stream: ForwardedStream, error: KtError): void {
    this.#fail(stream);
    this.#resetBoth(stream);
    stream.listener.pipeFailed(error, "if-nothing-sent");
    this.#afterClosing();
  }

  /** What it sent may block a worker: beside others that cannot be proven now. */
  #fail(stream: ForwardedStream): void {
    stream.stay();
    stream.doubt();
    this.#close(stream);
    if (this.#busyCount > 0) this.#stopTaking();
  }

  #resetBoth(stream: ForwardedStream): void {
    this.#driver.reset(stream.data);
    this.#driver.reset(stream.error);
  }

  #finishIfDone(stream: ForwardedStream): void {
    if (!stream.isDone) return;
    const { hasLeft } = stream;
    this.#close(stream);
    stream.listener.pipeClosed();
    this.#afterClosing(hasLeft);
  }

  #close(stream: ForwardedStream): void {
    this.#streams.delete(stream.error);
    this.#streams.delete(stream.data);
    this.#openCount -= 1;
    if (!stream.hasLeft) this.#notBusy(stream);
    stream.close();
    this.#resumeReading();
  }

  /** `hadLeft`: the session was free already. */
  #afterClosing(hadLeft = false): void {
    if (this.#state === "retiring" && this.#openCount === 0) this.#die(undefined);
    else if (!hadLeft) this.#proveIfIdle();
  }

  /** Reads on unless too much is held back for a reader that paused. */
  #resumeReading(): void {
    if (!this.#driver.isPaused) return;
    for (const stream of this.#streams.values()) if (stream.heldBytes > tunnelLimits.sharedStreamBufferBytes) return;
    this.#driver.resume();
  }

  #drained(): void {
    for (const stream of this.#eachStream()) stream.listener.pipeDrained();
  }

  #die(error: KtError | undefined): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    this.#driver.close();
    const streams = this.#eachStream();
    this.#streams.clear();
    this.#openCount = 0;
    this.#busyCount = 0;
    const lost = error ?? new KtError("connection-lost", "the tunnel was closed");
    for (const stream of streams) stream.close();
    for (const stream of streams) stream.listener.pipeFailed(lost, "if-nothing-sent");
    this.#options.onGone(this, error);
  }

  /** Container runtimes take a second to close a connection whose client has gone. Until then it needs nothing of the session. */
  #clientEnded(stream: ForwardedStream): void {
    this.#finishIfDone(stream);
    if (stream.isOver || stream.heldBytes > 0 || this.#openCount > tunnelLimits.streamsPerSession) return;
    this.#notBusy(stream);
    stream.leave();
    this.#proveIfIdle();
  }

  /** A session of its own goes with the connection, which frees everything at the peer at once. */
  #aborted(stream: ForwardedStream): void {
    const { hasLeft } = stream;
    this.#close(stream);
    if (this.#openCount === 0 && !hasLeft) {
      this.#die(undefined);
      return;
    }
    if (!hasLeft) this.#stopTaking();
    this.#resetBoth(stream);
    this.#afterClosing(hasLeft);
  }

  #resumed(stream: ForwardedStream): void {
    this.#finishIfDone(stream);
    this.#resumeReading();
  }
}

/** The session died, or the peer went away, between being chosen and being used. */
function lostPipe(listener: PipeListener): Pipe {
  queueMicrotask(() => listener.pipeFailed(sessionLost(), "if-nothing-sent"));
  return { hasSent: false, halfCloses: false, write: () => true, end() {}, abort() {}, pause() {}, resume() {} };
}
