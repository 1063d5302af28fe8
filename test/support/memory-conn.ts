/** A pair of Conns in memory that can block, drop everything and reset. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";

/** One end of a pair. Bytes are delivered in microtasks, as a socket would deliver them from the event loop. */
export class MemoryConn implements Conn {
  readonly remoteAddress = undefined;
  /** Bytes that `write` accepts before it answers false. */
  readonly #highWaterBytes: number;
  #far: MemoryConn | undefined;
  #handler: ConnHandler | undefined;
  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #inboxEnded = false;
  #endTold = false;
  #paused = false;
  #ended = false;
  #full = false;
  #scheduled = false;
  #blackHole = false;
  #closed: { readonly error: KtError | undefined } | undefined;

  constructor(highWaterBytes: number) {
    this.#highWaterBytes = highWaterBytes;
  }

  /** Joins two ends; called once by `memoryPair`. */
  static join(one: MemoryConn, other: MemoryConn): void {
    one.#far = other;
    other.#far = one;
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    this.#paused = false;
    if (this.#closed) {
      const { error } = this.#closed;
      queueMicrotask(() => handler.onClose(error));
    } else this.#schedule();
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#inbox.unshift(bytes);
    this.#inboxBytes += bytes.length;
  }

  write(bytes: Uint8Array): boolean {
    const far = this.#far;
    if (this.#closed || this.#ended || !far || bytes.length === 0 || this.#blackHole) return true;
    // A reader may change what it is given, and a writer may write the same bytes again.
    far.#inbox.push(new Uint8Array(bytes));
    far.#inboxBytes += bytes.length;
    far.#schedule();
    this.#full = far.#inboxBytes > this.#highWaterBytes;
    return !this.#full;
  }

  end(): void {
    const far = this.#far;
    if (this.#closed || this.#ended || !far) return;
    this.#ended = true;
    if (this.#blackHole) return;
    far.#inboxEnded = true;
    far.#schedule();
  }

  abort(): void {
    this.#close(undefined);
    if (!this.#blackHole && this.#far) this.#far.#close(new KtError("connection-lost", "connection reset by the peer"));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  /** From now on nothing reaches the peer, without notice to either side: a packet filter that drops. */
  blackHole(): void {
    this.#blackHole = true;
    if (this.#far) this.#far.#blackHole = true;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#handler && !this.#paused && !this.#closed) {
      const bytes = this.#inbox.shift();
      if (!bytes) break;
      this.#inboxBytes -= bytes.length;
      this.#handler.onData(bytes);
    }
    if (this.#far) this.#far.#drained(this.#inboxBytes);
    if (this.#handler && !this.#paused && !this.#closed && this.#inboxEnded && !this.#endTold && this.#inbox.length === 0) {
      this.#endTold = true;
      this.#handler.onEnd();
    }
    const far = this.#far;
    if (far && this.#endTold && this.#ended && far.#endTold) {
      this.#close(undefined);
      far.#close(undefined);
    }
  }

  #drained(waitingBytes: number): void {
    if (!this.#full || waitingBytes > this.#highWaterBytes / 2) return;
    this.#full = false;
    if (!this.#closed && !this.#ended) this.#handler?.onDrain();
    else this.#schedule();
  }

  #close(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#closed = { error };
    this.#inbox = [];
    const handler = this.#handler;
    if (handler) queueMicrotask(() => handler.onClose(error));
  }
}

/** Two joined ends: what one writes the other reads. */
export function memoryPair(options: { highWaterBytes?: number } = {}): [MemoryConn, MemoryConn] {
  const highWaterBytes = options.highWaterBytes ?? 64 * 1024;
  const one = new MemoryConn(highWaterBytes);
  const other = new MemoryConn(highWaterBytes);
  MemoryConn.join(one, other);
  return [one, other];
}
