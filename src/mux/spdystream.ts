/** A model of the peer's frame workers: Go's spdystream, which API servers, kubelets and container runtimes use. */

import { muxLimits } from "./limits.ts";

/** Workers per connection (FRAME_WORKERS). */
export const frameWorkers = 5;

/** Frames that may wait for one worker (QUEUE_SIZE). */
export const workerQueueFrames = 50;

/** Pings of ours that may be unanswered, even if all wait for the same worker: the rest of its queue is left to the frames of streams. */
const maxUnansweredPings = workerQueueFrames - 2 * frameWorkers;

/** The worker that handles the frames of a stream. */
export const workerOf = (stream: number): number => stream % frameWorkers;

interface Ping {
  /** Its place among all pings. */
  readonly sequence: number;
  readonly worker: number;
  /** What was sent on streams before it. */
  readonly sentBytes: number;
}

/** Pings whose answers show that a session can carry another connection. */
interface Proof {
  readonly unanswered: Set<number>;
  readonly sinceMs: number;
}

/**
 * One loop of spdystream reads the connection and queues each frame for one of five workers: those of a stream always for the
 * same one, PING frames for each in turn. A worker waits until what reads from the stream has taken the bytes of a DATA frame.
 * Bytes that are never read block it for good, and with it every stream that falls to it; a reset waits behind them. Once its
 * queue is full the loop waits too, and the whole connection stands still.
 *
 * A worker that answers a ping has handled everything that was sent to it before.
 */
export class SpdystreamPeer {
  readonly #sendPing: () => number;
  /** The worker that the next PING frame is queued for. */
  #turn = 0;
  /** By id, oldest first. */
  readonly #unanswered = new Map<number, Ping>();
  #sentPings = 0;
  /** The highest sequence number that was answered. */
  #lastAnswered = 0;
  /** Workers that bytes may block that were sent before. */
  readonly #doubted = new Set<number>();
  #proof: Proof | undefined;
  /** Sent on streams, and how much of that the peer has read for certain. */
  #sentBytes = 0;
  #readBytes = 0;

  /** `sendPing` sends a PING frame of ours and returns its id. */
  constructor(sendPing: () => number) {
    this.#sendPing = sendPing;
  }

  /** Bytes were sent on a stream. */
  sent(lengthBytes: number): void {
    this.#sentBytes += lengthBytes;
  }

  /** Bytes came on a stream: most likely an answer to what was sent. */
  answered(): void {
    this.#readBytes = this.#sentBytes;
  }

  /**
   * Whether its silence may come from a program that does not read: a worker is blocked, or more was sent than fits the buffers
   * on the way since the peer is known to have read, so that answers to pings may wait behind it.
   */
  get mayWaitForReader(): boolean {
    return this.hasBlocked || this.#sentBytes - this.#readBytes > muxLimits.unreadBytes;
  }

  /** Asks every worker for an answer, unless too many pings wait already. */
  ping(): void {
    if (!this.#mayPing) return;
    for (let count = 0; count < frameWorkers; count++) this.#pingNext();
  }

  /** A ping of the peer was answered: that frame took a turn too. */
  pingEchoed(): void {
    this.#turn = (this.#turn + 1) % frameWorkers;
  }

  /** A ping of ours was answered; answers may come in any order. Returns whether this completes the proof. */
  pongReceived(id: number): boolean {
    const ping = this.#unanswered.get(id);
    if (!ping) return false;
    this.#unanswered.delete(id);
    this.#lastAnswered = Math.max(this.#lastAnswered, ping.sequence);
    this.#readBytes = Math.max(this.#readBytes, ping.sentBytes);
    return this.#completesProof(id);
  }

  /** Whether the worker of this stream answers no ping while another answered a later one. */
  isBlocked(stream: number): boolean {
    const worker = workerOf(stream);
    for (const ping of this.#unanswered.values()) if (ping.worker === worker && ping.sequence < this.#lastAnswered) return true;
    return false;
  }

  /** How long the peer may be silent before it is pinged: with a worker blocked less and less often, for pings pile up there. */
  get pingIntervalMs(): number {
    return this.hasBlocked ? muxLimits.blockedPingIntervalMs * this.#unanswered.size : muxLimits.pingIntervalMs;
  }

  /** Whether any worker answers no ping while another answered a later one. */
  get hasBlocked(): boolean {
    for (const { sequence } of this.#unanswered.values()) return sequence < this.#lastAnswered;
    return false;
  }

  /** Bytes that were sent on this stream may find no reader any more. */
  doubt(stream: number): void {
    this.#doubted.add(workerOf(stream));
    this.dropProof();
  }

  /** Whether a worker may be blocked until a proof has shown that it is not. */
  get isDoubted(): boolean {
    return this.#doubted.size > 0;
  }

  /** Pings the doubted workers. Returns false when too many pings wait already: there will be no proof. */
  prove(nowMs: number): boolean {
    if (!this.#mayPing) return false;
    this.#proof = { unanswered: new Set(Array.from(this.#doubted, (worker) => this.#pingWorker(worker))), sinceMs: nowMs };
    return true;
  }

  /** The proof is not waited for any more. The doubts stay. */
  dropProof(): void {
    this.#proof = undefined;
  }

  /** Whether a proof is waited for that should have come by now. */
  isProofLate(nowMs: number): boolean {
    return this.#proof !== undefined && nowMs - this.#proof.sinceMs >= muxLimits.proofMs;
  }

  #completesProof(id: number): boolean {
    const proof = this.#proof;
    if (!proof?.unanswered.delete(id) || proof.unanswered.size > 0) return false;
    this.#proof = undefined;
    this.#doubted.clear();
    return true;
  }

  #pingNext(): number {
    const id = this.#sendPing();
    this.#sentPings += 1;
    this.#unanswered.set(id, { sequence: this.#sentPings, worker: this.#turn, sentBytes: this.#sentBytes });
    this.#turn = (this.#turn + 1) % frameWorkers;
    return id;
  }

  /** Pings every worker up to this one, whose ping's id is returned. */
  #pingWorker(worker: number): number {
    while (this.#turn !== worker) this.#pingNext();
    return this.#pingNext();
  }

  get #mayPing(): boolean {
    return this.#unanswered.size < maxUnansweredPings;
  }
}
