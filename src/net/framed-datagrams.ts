/** Datagrams over a Conn, each behind its length in two bytes: where the peer reads too slowly the oldest that wait are dropped. */

import { ByteQueue, concatBytes } from "#base/bytes.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";

const headBytes = 2;
const mostBytes = 0xffff;

export interface FramedDatagramsOptions {
  /** Owned from now on. */
  readonly conn: Conn;
  /** What waits at most for a peer that reads too slowly. */
  readonly waitingBytes: number;
  /** Must not throw. The payload is the callee's. */
  readonly onDatagram: (payload: Uint8Array) => void;
  /** Called once. */
  readonly onClose: () => void;
}

export class FramedDatagrams implements ConnHandler {
  readonly #options: FramedDatagramsOptions;
  readonly #inbox = new ByteQueue();
  /** Framed, oldest first. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isBlocked = false;
  #isFlushing = false;
  #isClosed = false;
  /** How many found no room. */
  dropped = 0;

  constructor(options: FramedDatagramsOptions) {
    this.#options = options;
    options.conn.start(this);
  }

  /** What is sent in one turn of the event loop leaves together. Longer ones than the length can say are dropped. */
  send(payload: Uint8Array): void {
    if (this.#isClosed) return;
    if (payload.length > mostBytes) {
      this.dropped += 1;
      return;
    }
    const frame = new Uint8Array(headBytes + payload.length);
    frame[0] = payload.length >> 8;
    frame[1] = payload.length & 0xff;
    frame.set(payload, headBytes);
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    while (this.#waitingBytes > this.#options.waitingBytes) this.#dropOldest();
    this.#flushSoon();
  }

  /** What was sent before leaves first, as far as the peer reads. */
  close(): void {
    this.#flush();
    this.#options.conn.end();
    this.#over();
  }

  onData(bytes: Uint8Array): void {
    this.#inbox.push(bytes);
    while (this.#inbox.length >= headBytes && !this.#isClosed) {
      const head = this.#inbox.peek();
      const lengthBytes = ((head[0] as number) << 8) | (head[1] as number);
      if (this.#inbox.length < headBytes + lengthBytes) return;
      this.#options.onDatagram(this.#inbox.take(headBytes + lengthBytes).slice(headBytes));
    }
  }

  onEnd(): void {
    this.close();
  }

  onDrain(): void {
    this.#isBlocked = false;
    this.#flushSoon();
  }

  onClose(): void {
    this.#over();
  }

  #over(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#options.onClose();
  }

  #dropOldest(): void {
    this.#waitingBytes -= this.#waiting.shift()?.length ?? 0;
    this.dropped += 1;
  }

  #flushSoon(): void {
    if (this.#isFlushing || this.#isBlocked || this.#waiting.length === 0) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isBlocked || this.#isClosed || this.#waiting.length === 0) return;
    const frames = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isBlocked = !this.#options.conn.write(concatBytes(frames));
  }
}
