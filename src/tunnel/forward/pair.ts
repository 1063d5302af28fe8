/** One connection within a session: a pair of a data and an error stream, with what is held back for a reader that pauses. */

import { sharedLimits } from "#base/limits.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";

/** What a pair asks of its session. */
export interface PairSession {
  write(pair: Pair, bytes: Uint8Array): boolean;
  end(pair: Pair): void;
  abort(pair: Pair): void;
  /** The reader goes on; what was held back has been delivered. */
  resumed(pair: Pair): void;
}

/** How long the end of the data stream waits for that of the error stream. */
const errorStreamMs = 2000;

/** So much a program's socket takes whether it reads or not, with any usual system. */
const socketBytes = 16 * 1024;

const decoder = new TextDecoder();

export class Pair implements Pipe {
  /** Container runtimes close both halves, see half-close.ts. */
  readonly halfCloses = false;
  /** Stream ids. */
  readonly data: number;
  readonly error: number;
  readonly port: number;
  readonly openedMs: number;
  readonly listener: PipeListener;
  readonly #session: PairSession;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #paused = false;
  #errorText = "";
  #errorEnded = false;
  #farEndedMs: number | undefined;
  #endTold = false;
  /** Our own half is closed. */
  ended = false;
  /** And nothing has come since, and nothing is held, so that most likely only its end comes: the session may carry others. */
  leaving = false;
  /** Bytes of ours are on their way or there. */
  hasSent = false;
  /** Bytes of ours since the pod last said something; infinite once only the far end's answer to a ping can tell. */
  #unansweredBytes = 0;
  #dataTaken = false;
  #errorTaken = false;

  constructor(
    session: PairSession,
    streams: { readonly data: number; readonly error: number; readonly port: number; readonly openedMs: number },
    listener: PipeListener,
  ) {
    this.#session = session;
    this.data = streams.data;
    this.error = streams.error;
    this.port = streams.port;
    this.openedMs = streams.openedMs;
    this.listener = listener;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Why the forward failed; empty when it did not. */
  get errorText(): string {
    return this.#errorText;
  }

  /** Everything has been said on both streams, and told. */
  get isOver(): boolean {
    return this.ended && this.#endTold && this.#errorEnded;
  }

  /** The far end has taken both streams up. */
  get accepted(): boolean {
    return this.#dataTaken && this.#errorTaken;
  }

  /**
   * Bytes of ours may wait at the far end for good. Not where the pod had the last word, after no more than its socket holds,
   * and has not ended before us.
   */
  get mayBeUnread(): boolean {
    return this.#unansweredBytes > 0;
  }

  write(bytes: Uint8Array): boolean {
    return this.#session.write(this, bytes);
  }

  end(): void {
    this.#session.end(this);
  }

  abort(): void {
    this.#session.abort(this);
  }

  /** Bytes that come from now on are held back. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    while (this.#held.length > 0 && !this.#paused) {
      const bytes = this.#held.shift() as Uint8Array;
      this.#heldBytes -= bytes.length;
      this.listener.pipeData(bytes);
    }
    if (this.#paused) return;
    this.#tellEnd();
    this.#session.resumed(this);
  }

  /** For the session only, as the rest below. Returns whether the bytes were delivered, not held back. */
  received(bytes: Uint8Array): boolean {
    if (this.#unansweredBytes <= socketBytes) this.#unansweredBytes = 0;
    if (!this.#paused) {
      this.listener.pipeData(bytes);
      return true;
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    return false;
  }

  sent(lengthBytes: number): void {
    this.hasSent = true;
    this.#unansweredBytes += lengthBytes;
  }

  replied(stream: number): void {
    if (stream === this.data) this.#dataTaken = true;
    else this.#errorTaken = true;
  }

  /** Nobody may be there any more to read what we sent. */
  doubt(): void {
    if (this.hasSent) this.#unansweredBytes = Number.POSITIVE_INFINITY;
  }

  farEnded(nowMs: number): void {
    if (!this.ended) this.doubt();
    this.#farEndedMs = nowMs;
    this.#tellEnd();
  }

  receivedError(bytes: Uint8Array): void {
    if (this.#errorText.length < sharedLimits.errorTextBytes) this.#errorText += decoder.decode(bytes);
  }

  errorStreamEnded(): void {
    this.#errorEnded = true;
    if (this.#errorText === "") this.#tellEnd();
  }

  /** Called about every second: an error stream that stays open does not hold up the end for ever. */
  tick(nowMs: number): void {
    if (this.#farEndedMs !== undefined && !this.#errorEnded && nowMs - this.#farEndedMs >= errorStreamMs) this.errorStreamEnded();
  }

  /** Nothing more comes, and nothing is held. */
  forgotten(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#paused = false;
  }

  /** The runtime closes the data stream first and says why on the error stream a moment later: the end waits for that. */
  #tellEnd(): void {
    if (this.#farEndedMs === undefined || !this.#errorEnded || this.#endTold || this.#paused) return;
    this.#endTold = true;
    this.listener.pipeEnded();
  }
}
